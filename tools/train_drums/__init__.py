"""Train the drum network (`services/midi/strokes`) on drums that are played by a program.

A groove generator plays the kits that the one-shot classifier learns from, over accompaniments
rendered from General MIDI sound fonts; so every stroke is known exactly. No recording is used.
"""
