"""Audio as streams of blocks: read canonical files, resample, encode, draw their peaks.

A block is float32 `[channels, samples]`, full scale at -1 and 1. Nothing here opens an upload:
this package reads only files that `ingest` or another service wrote.
"""
