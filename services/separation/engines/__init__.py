"""Engines besides the graphs, each imported only where it was chosen."""
