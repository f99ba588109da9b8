"""Example programs that use the platform through its client."""
