"""The library's routes: the edge that commits."""
