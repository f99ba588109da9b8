"""Takes a track apart into stems.

With Demucs' weights: drums, bass, other and vocals (or guitar and piano besides), equal to the
reference to 100 dB; with Spleeter's, which are the light default, vocals and accompaniment. Any
length in constant memory. How well, and at what cost: see the README.
"""
