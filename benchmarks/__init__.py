"""Every figure that README and docs state, printed by one command: `make bench`."""
