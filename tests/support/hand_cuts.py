"""Cuts by hand and parts of multitracks, made by a client."""

import secrets
from pathlib import Path
from typing import Protocol

from cratedig import Client, types
from tests.support.sounds import write_tone

RESET: types.CutEdit = {"do": "reset"}


class HasItem(Protocol):
    """A user with an item."""

    @property
    def user(self) -> Client:
        """The client of the user."""
        ...

    @property
    def item(self) -> str:
        """The id of the item."""
        ...


def cuts_version(harness: HasItem) -> int:
    """Return the version of the cuts of an item."""
    return harness.user.cuts.get(harness.item).version


def hand_cut(user: Client, item: str) -> str:
    """Cut an item by hand, and return it."""
    edit: types.CutEdit = {"do": "add", "start": 0, "end": 20_000}
    user.cuts.edit(item, [edit], version=user.cuts.get(item).version)
    return item


def new_parts(user: Client, file: Path) -> list[types.MultitrackPart]:
    """Upload a tone beside a file, which is a part of no song yet."""
    frequency = 200.0 + secrets.randbelow(10_000) / 10
    tone = write_tone(file.with_name("part.wav"), frequency=frequency)
    upload = user.uploads.file(tone, stem="bass")
    user.jobs.wait(str(upload.job))
    return [{"item": str(upload.item), "stem": "bass"}]
