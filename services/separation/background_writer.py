"""Process finished blocks in a background thread, so that networks and encoding overlap."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from kit.arrays import F32


class BackgroundWriter:
    """Processes blocks in order in a background thread; a context manager.

    Parameters
    ----------
    work
        Processes a block. Its exceptions are raised by a later `give`, or at the end.
    ahead
        Maximum queued blocks, so that memory stays bounded.
    """

    def __init__(self, work: Callable[[F32], None], *, ahead: int = 2) -> None:
        self._work = work
        self._ahead = ahead
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._waiting: deque[Future[None]] = deque()

    def give(self, block: F32) -> None:
        """Queue a block, which must not change any more; wait while the queue is full."""
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
