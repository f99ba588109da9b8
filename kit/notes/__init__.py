"""Notes from the posteriors of a network: detection, long audio in stretches, files."""
