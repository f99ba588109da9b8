"""The object store: one port, two implementations."""
