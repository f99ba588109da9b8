"""Tagging: descriptive tags of a song, and the class of each of its samples.

Songs are tagged by MusiCNN's two networks (MagnaTagATune and Million Song Dataset, 50 words each),
run through `kit.inference`; one-shots are classified by this project's own classifier with
calibrated confidence; every input yields an embedding for search. README.md has the measurements.
"""
