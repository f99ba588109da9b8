"""Duplicates: what is found when a sound was described, and how it is listed."""

import asyncio
import base64
from typing import Any

import numpy as np
import pytest

from services.library.similarity.duplicates import DuplicateFinder
from services.library.similarity.fingerprints import (
    SIZE,
    fingerprint_difference,
    read_fingerprint,
)
from tests.library.catalogue import Catalogue, User
from tests.library.similarity.crate import add_samples, angle, sample
from tests.support.timeouts import HANG_TIMEOUT


def print_of(seed: int, *, louder: int = 0, late: int = 0) -> str:
    """Return a fingerprint of a decaying sound; `late` frames of 10 ms come before it."""
    chance = np.random.default_rng(seed)
    levels = chance.integers(120, 240, (64, 8)) - np.arange(64)[:, None]
    levels[:32] = np.roll(levels[:32], late, axis=0)
    return base64.b64encode((levels + louder).clip(0, 240).astype(np.uint8).tobytes()).decode()


async def find(catalogue: Catalogue) -> None:
    vectors = catalogue.server.vectors
    finder = DuplicateFinder(catalogue.database, vectors)
    while await finder.compare():
        pass


async def groups(user: User, **query: Any) -> list[tuple[bool, list[str]]]:
    page = await user.get("/duplicates", **query)
    return [
        (group["exact"], sorted(member["item"]["name"] for member in group["items"]))
        for group in page["items"]
    ]


async def test_exact_and_near_duplicates_are_grouped(catalogue: Catalogue) -> None:
    user, stranger = catalogue.user(), catalogue.user()
    samples = [
        sample("kick", angle(0), fingerprint=print_of(1)),
        sample("kick-mp3", angle(3), fingerprint=print_of(1, louder=2, late=1)),
        # Close, and yet another sound; and one that is told apart by its vector already.
        sample("other-kick", angle(5), fingerprint=print_of(2)),
        sample("far", angle(80), fingerprint=print_of(1)),
        sample("hat", angle(100)),
        sample("hat-copy", angle(150)),
    ]
    audio = {"hat": b"the same samples", "hat-copy": b"the same samples"}
    items = await add_samples(user, catalogue, samples, audio)
    await add_samples(stranger, catalogue, [sample("hat", angle(100))], audio)
    assert await groups(user) == []
    await find(catalogue)
    expected = [(False, ["kick", "kick-mp3"]), (True, ["hat", "hat-copy"])]
    assert sorted(await groups(user)) == expected
    assert await groups(stranger) == []
    pages = await user.get("/duplicates", limit=1)
    following = await user.get("/duplicates", limit=1, cursor=pages["next"])
    assert following["next"] is None
    assert len(pages["items"]) == len(following["items"]) == 1
    # Nothing is deleted by itself; what its owner deletes leaves its group.
    assert (await user.get("/items"))["items"]
    assert (
        await user.http.delete(f"/v1/items/{items['kick']}?permanently=true")
    ).status_code == 204
    assert await groups(user) == [(True, ["hat", "hat-copy"])]


async def test_a_later_copy_joins_the_groups_that_it_connects(catalogue: Catalogue) -> None:
    user = catalogue.user()
    first = [
        sample("a", angle(0), fingerprint=print_of(1)),
        sample("b", angle(1), fingerprint=print_of(1)),
        sample("c", angle(20), fingerprint=print_of(1, louder=1)),
    ]
    audio = {"c": b"one recording", "d": b"one recording"}
    await add_samples(user, catalogue, first[:2])
    await find(catalogue)
    assert await groups(user) == [(False, ["a", "b"])]
    await add_samples(user, catalogue, first[2:], audio)
    await find(catalogue)
    assert await groups(user) == [(False, ["a", "b", "c"])]
    await add_samples(user, catalogue, [sample("d", angle(90))], audio)
    await find(catalogue)
    assert await groups(user) == [(False, ["a", "b", "c", "d"])]


async def test_sounds_are_compared_as_soon_as_they_are_described(catalogue: Catalogue) -> None:
    user = catalogue.user()
    finder = WatchedFinder(catalogue)
    stopping = asyncio.Event()
    running = asyncio.create_task(finder.run(stopping))
    try:
        copies = [sample(name, angle(0), fingerprint=print_of(1)) for name in ("a", "b")]
        await add_samples(user, catalogue, copies)
        async with asyncio.timeout(HANG_TIMEOUT):
            await finder.done.wait()
    finally:
        stopping.set()
        await running
    assert await groups(user) == [(False, ["a", "b"])]


class WatchedFinder(DuplicateFinder):
    """Says when it has compared sounds."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__(catalogue.database, catalogue.server.vectors)
        self.done = asyncio.Event()

    async def compare(self) -> bool:
        something = await super().compare()
        if something:
            self.done.set()
        return something


@pytest.mark.parametrize("size", [0, SIZE - 1, SIZE + 1])
def test_a_fingerprint_of_another_size_is_none(size: int) -> None:
    assert read_fingerprint(b"x" * size) is None


def test_a_late_copy_differs_by_nothing() -> None:
    own = read_fingerprint(base64.b64decode(print_of(1)))
    late = read_fingerprint(base64.b64decode(print_of(1, late=1)))
    other = read_fingerprint(base64.b64decode(print_of(2)))
    assert own is not None
    assert late is not None
    assert other is not None
    assert fingerprint_difference(own, own) == 0
    assert fingerprint_difference(own, late) == pytest.approx(0, abs=0.1)
    assert fingerprint_difference(own, late) == fingerprint_difference(late, own)
    assert fingerprint_difference(own, other) > 5
