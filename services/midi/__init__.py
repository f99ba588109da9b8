"""Midi: the notes of a recording, as a MIDI file, JSON and CSV.

Basic Pitch's network, run through `kit.inference`, with this project's own note creation, which
improves on the original in note ends, repeated notes and false notes. It transcribes single
instruments and small ensembles well and dense mixes poorly: separate them first. README.md has the
measurements.
"""
