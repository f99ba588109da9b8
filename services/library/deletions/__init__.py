"""Deletions of items and owners, with all rows and objects that belong to them."""
