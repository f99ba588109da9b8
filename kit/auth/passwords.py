"""Passwords: Argon2id in a bounded pool of threads, and a list of what everybody tries (S5)."""

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
        Of Argon2id; the defaults are OWASP's least.
    """

    def __init__(self, *, memory_kib: int = 19 * 1024, rounds: int = 2, lanes: int = 1) -> None:
        self._hasher = PasswordHasher(time_cost=rounds, memory_cost=memory_kib, parallelism=lanes)
        # Two at a time: a flood of logins waits in line instead of taking every core.
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="passwords")
        self._common = frozenset(COMMON.read_text(encoding="utf-8").split())
        self._nobody = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """Return the hash to store."""
        return await self._run(self._hasher.hash, password)

    async def check(self, password: str, stored: str | None) -> bool:
        """Return whether a password is right.

        With no stored hash the answer is no, after the same work: nobody learns from the time
        whether an account exists (S6).
        """
        right = await self._run(self._verify, password, stored or self._nobody)
        return right and stored is not None

    def outdated(self, stored: str) -> bool:
        """Return whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def common(self, password: str) -> bool:
        """Return whether a password is one that everybody tries."""
        return password.casefold() in self._common

    def close(self) -> None:
        """Let go of the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password: str, stored: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[..., T], *arguments: str) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
