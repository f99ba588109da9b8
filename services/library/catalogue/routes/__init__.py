"""Routes of catalogue."""
