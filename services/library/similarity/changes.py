"""Changes of vectors, for packages that must write something in the same transaction."""

from kit.database.hooks import Hook

SOUNDS_DESCRIBED = Hook[str]("sounds described")
"""Reported with the owner in the transaction that stores vectors of sounds."""
