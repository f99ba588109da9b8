"""Custom tags of items."""
