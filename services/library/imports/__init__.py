"""Imports: packs as ZIP archives, and files that providers on the internet offer."""
