"""What a finished attempt means for its job, the catalogue and the runs that wait."""
