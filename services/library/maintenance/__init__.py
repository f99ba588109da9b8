"""What keeps the server clean: orphans found, gauges measured."""
