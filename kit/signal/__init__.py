"""Shared signal processing in numpy: spectra, onset strength, onsets, beats, tuning, decibels."""
