"""Sounds that are only searched by: uploaded, described by workers, and removed within the hour."""
