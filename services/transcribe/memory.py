"""The end of a device's memory, named for what it is, whichever library met it."""

from collections.abc import Iterator
from contextlib import contextmanager

from kit.worker.outcomes import OutOfMemory

_SIGNS = ("out of memory", "failed to allocate", "bad_alloc")


@contextmanager
def memory_watched() -> Iterator[None]:
    """Name the end of a device's memory.

    Raises
    ------
    OutOfMemory
        A library could not have the memory that it asked for.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        told = str(error).casefold()
        if isinstance(error, MemoryError) or any(sign in told for sign in _SIGNS):
            raise OutOfMemory(
                "out_of_memory",
                "The device has too little memory for this network; ask for a smaller beam.",
            ) from error
        raise
