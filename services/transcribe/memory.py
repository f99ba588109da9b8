"""Translate out-of-memory errors of any library to `OutOfMemory`."""

from collections.abc import Iterator
from contextlib import contextmanager

from kit.worker.outcomes import OutOfMemory

_SIGNS = ("out of memory", "failed to allocate", "bad_alloc")


@contextmanager
def memory_watched() -> Iterator[None]:
    """Raise `OutOfMemory` if the code inside runs out of memory.

    Raises
    ------
    OutOfMemory
        A library could not allocate memory.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        message = str(error).casefold()
        if isinstance(error, MemoryError) or any(sign in message for sign in _SIGNS):
            raise OutOfMemory(
                "out_of_memory",
                "The device has too little memory for this network. Set a smaller `beam`.",
            ) from error
        raise
