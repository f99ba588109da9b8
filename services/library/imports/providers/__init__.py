"""Providers: each finds the files that a reference means."""
