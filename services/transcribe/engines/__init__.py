"""Engines; each module imports its own library, and is only imported when used."""
