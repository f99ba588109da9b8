"""What can be done with the platform, as programs that can be run and read."""
