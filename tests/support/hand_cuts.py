"""Cuts by hand and parts of multitracks, made by a client."""

import secrets
from pathlib import Path

from cratedig import Client, types
from tests.support.sounds import write_tone


def version_of(user: Client, item: str) -> int:
    """Return the version of the cuts of an item."""
    return user.cuts.get(item).version


def hand_cut(user: Client, item: str) -> str:
    """Cut an item by hand, and return it."""
    edit: types.CutEdit = {"do": "add", "start": 0, "end": 20_000}
    user.cuts.edit(item, [edit], version=version_of(user, item))
    return item


def new_parts(user: Client, folder: Path) -> list[types.MultitrackPart]:
    """Upload a tone that is a part of no song yet."""
    frequency = 200.0 + secrets.randbelow(10_000) / 10
    upload = user.uploads.file(write_tone(folder / "part.wav", frequency=frequency), stem="bass")
    user.jobs.wait(str(upload.job))
    return [{"item": str(upload.item), "stem": "bass"}]
