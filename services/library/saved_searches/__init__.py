"""Saved searches: queries with a name, matched as items change."""
