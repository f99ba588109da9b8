"""The command `cratedig`."""

from cratedig.cli.app import main

__all__ = ["main"]
