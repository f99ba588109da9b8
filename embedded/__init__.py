"""All of Cratedig in one process: other addresses and a longer list, nothing else."""
