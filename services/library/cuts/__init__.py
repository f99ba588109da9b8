"""Cuts: the slices of a recording as its user edits them, and the samples made from them."""
