"""Tagging: what a song sounds like, and what each of its samples is.

Songs are tagged by MusiCNN's two networks (MagnaTagATune and Million Song Dataset, 50 words each),
run through `kit.inference`; one-shots are told apart by a classifier of our own with calibrated
confidence; every input leaves an embedding for later search. How well, is in README.md.
"""
