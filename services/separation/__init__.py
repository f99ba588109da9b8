"""Separates a track into stems.

With Demucs' weights: drums, bass, other and vocals (optionally guitar and piano), equal to the
reference within 100 dB; with Spleeter's, the light default, vocals and accompaniment. Any length
in constant memory. README.md has quality and cost.
"""
