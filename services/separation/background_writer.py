"""Work on finished blocks beside the networks: encoding waits for nothing, and nothing for it."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from kit.arrays import F32


class BackgroundWriter:
    """Does something with blocks in a thread of its own, in their order; a context manager.

    Parameters
    ----------
    work
        What to do with a block. What it raises is raised by a later `give`, or at the end.
    ahead
        Blocks that may wait, so that memory stays bounded.
    """

    def __init__(self, work: Callable[[F32], None], *, ahead: int = 2) -> None:
        self._work = work
        self._ahead = ahead
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="behind")
        self._waiting: deque[Future[None]] = deque()

    def give(self, block: F32) -> None:
        """Hand over a block that nobody changes any more; wait while too many are not done."""
        while len(self._waiting) >= self._ahead:
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(self._work, block))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            while kind is None and self._waiting:
                self._waiting.popleft().result()
        finally:
            self._pool.shutdown(cancel_futures=True)
