"""S5, S6: how passwords are kept."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from kit.auth.passwords import COMMON, Passwords


@pytest.fixture(scope="module")
def passwords() -> Iterator[Passwords]:
    passwords = Passwords()
    yield passwords
    passwords.close()


async def test_a_hash_is_argon2id_with_what_owasp_asks(passwords: Passwords) -> None:
    stored = await passwords.hash("a sentence of mine")
    kind, version, parameters, *_ = stored.removeprefix("$").split("$")
    assert (kind, version) == ("argon2id", "v=19")
    memory, rounds, lanes = (int(parameter.split("=")[1]) for parameter in parameters.split(","))
    assert memory >= 19 * 1024
    assert rounds >= 2
    assert lanes >= 1
    assert await passwords.check("a sentence of mine", stored)
    assert not await passwords.check("a sentence of Mine", stored)
    assert stored != await passwords.hash("a sentence of mine")


async def test_nobody_has_no_password(passwords: Passwords) -> None:
    assert not await passwords.check("nobody has this password", None)


async def test_a_weaker_hash_is_recognised(passwords: Passwords) -> None:
    old = Passwords(memory_kib=8 * 1024, rounds=1)
    stored = await old.hash("a sentence of mine")
    old.close()
    assert await passwords.check("a sentence of mine", stored)
    assert passwords.outdated(stored)
    assert not passwords.outdated(await passwords.hash("a sentence of mine"))


async def test_two_at_a_time_and_the_loop_goes_on(passwords: Passwords) -> None:
    before = {thread.name for thread in threading.enumerate()}
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.001)

    ticking = asyncio.create_task(tick())
    await asyncio.gather(*(passwords.hash("a sentence of mine") for _ in range(12)))
    ticking.cancel()
    new = {thread.name for thread in threading.enumerate()} - before
    assert sum(name.startswith("passwords") for name in new | before) <= 2
    assert ticks > 20, "hashing blocked the event loop"


def test_what_everybody_tries_is_refused(passwords: Passwords) -> None:
    for word in ("password", "Password1", "12345678", "qwertyuiop", "iloveyou"):
        assert passwords.common(word), word
    assert not passwords.common("a sentence of mine")
    words = COMMON.read_text(encoding="utf-8").split()
    assert len(set(words)) == len(words) >= 2_900
    assert all(len(word) >= 8 and word == word.casefold() for word in words)
