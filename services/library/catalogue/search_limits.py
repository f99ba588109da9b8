"""Text search as it can be asked for: how many words, how long, and how many at a time.

A search reads the texts of all items of an owner, so what one may cost is bounded here: by the
words and by their length as they are compared (`fold`), in which one character may become 18.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from contracts.music import Seconds
from contracts.problems import FieldProblem, ProblemCode
from kit.http.errors import ProblemError
from services.library.catalogue.artifacts import fold

MAX_WORDS = 8
LONGEST = 200
"""Characters of all words together, folded."""
WAITING = 8
"""Searches of one owner that may wait for the one that is under way."""
WAIT: Seconds = 5.0
"""How long a search waits until it is its turn."""


def words_of(text: str) -> tuple[str, ...]:
    """Return the words to look for, folded, each once.

    Raises
    ------
    ProblemError
        They are too many or too long.
    """
    words = tuple(dict.fromkeys(fold(text).split()))
    length = sum(map(len, words))
    if len(words) > MAX_WORDS:
        problem = f"at most {MAX_WORDS} words; this one has {len(words)}"
    elif length > LONGEST:
        problem = (
            f"words of at most {LONGEST} characters together; these have {length} once ligatures "
            "and other signs for several letters are written out"
        )
    else:
        return words
    raise ProblemError(
        ProblemCode.INVALID_REQUEST,
        f"A search takes {problem}. Search for fewer words.",
        fields=(FieldProblem(field="query.q", message=f"takes {problem}"),),
    )


@dataclass(slots=True)
class _Line:
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    count: int = 0


class Turns:
    """Lets an owner search once at a time, and all owners together only so often.

    The connections that are left serve whatever else is asked.
    """

    def __init__(self, at_once: int, *, wait: Seconds = WAIT) -> None:
        self._room = asyncio.Semaphore(at_once)
        self._lines: dict[str, _Line] = {}
        self._wait = wait

    @asynccontextmanager
    async def of(self, owner: str) -> AsyncIterator[None]:
        """Wait until it is an owner's turn, which lasts until the block ends.

        Raises
        ------
        ProblemError
            Too many wait already, or it took too long.
        """
        line = self._lines.setdefault(owner, _Line())
        if line.count > WAITING:
            raise ProblemError(
                ProblemCode.TOO_MANY_REQUESTS,
                f"{line.count} searches of yours are under way, and they are done one after the "
                "other. Wait for their answers before you search again.",
                retry_after=1,
            )
        line.count += 1
        try:
            async with line.turn:
                try:
                    async with asyncio.timeout(self._wait):
                        await self._room.acquire()
                except TimeoutError:
                    raise ProblemError(
                        ProblemCode.UNAVAILABLE,
                        "Too many people search at this moment; try again in a few seconds.",
                        retry_after=5,
                    ) from None
                try:
                    yield
                finally:
                    self._room.release()
        finally:
            line.count -= 1
            if not line.count:
                del self._lines[owner]
