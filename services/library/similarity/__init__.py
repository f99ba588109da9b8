"""Vectors of items, neighbours, and duplicates."""
