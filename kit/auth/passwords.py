"""Password hashing with Argon2id in a bounded thread pool, and a list of common passwords (S5)."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

T = TypeVar("T")

COMMON = Path(__file__).with_name("common_passwords.txt")


class Passwords:
    """Hashes and checks passwords.

    Parameters
    ----------
    memory_kib, rounds, lanes
        Parameters of Argon2id; the defaults are OWASP's minimum.
    """

    def __init__(self, *, memory_kib: int = 19 * 1024, rounds: int = 2, lanes: int = 1) -> None:
        self._hasher = PasswordHasher(time_cost=rounds, memory_cost=memory_kib, parallelism=lanes)
        # Two at a time: a flood of logins queues up instead of taking every core.
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="passwords")
        self._common = frozenset(COMMON.read_text(encoding="utf-8").split())
        self._nobody = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """Return the hash of a password, with its parameters and salt."""
        return await self._run(self._hasher.hash, password)

    async def check(self, password: str, stored: str | None) -> bool:
        """Return whether a password matches a stored hash.

        Without a stored hash it does the same work and returns False, so that the time does not
        show whether an account exists (S6).
        """
        right = await self._run(self._verify, password, stored or self._nobody)
        return right and stored is not None

    def outdated(self, stored: str) -> bool:
        """Return whether a hash has other parameters than the current ones."""
        return self._hasher.check_needs_rehash(stored)

    def common(self, password: str) -> bool:
        """Return whether a password is in the list of common ones, in any case."""
        return password.casefold() in self._common

    def close(self) -> None:
        """Stop the threads; queued work is cancelled."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password: str, stored: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[..., T], *arguments: str) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
