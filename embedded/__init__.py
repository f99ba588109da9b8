"""All services in one process: the same code with other addresses and a list of all services."""
