"""Midi: the notes of a recording, as a MIDI file, JSON and CSV.

Basic Pitch's network, run through `kit.inference`, with note creation of our own that does better
than the original on note ends, repeated notes and false notes. It hears single instruments and
small ensembles well, dense mixes poorly: separate them first. How well, is in README.md.
"""
