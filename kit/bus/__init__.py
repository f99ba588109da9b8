"""The message bus: one port, two implementations."""
