"""A file that hands over what was written to it."""

import io
from typing import Any


class Sink(io.RawIOBase):
    """A file to write to without seeking; `take` returns what was written since the last time."""

    def __init__(self) -> None:
        super().__init__()
        self._buffer = bytearray()

    def writable(self) -> bool:
        """Return that it can be written to."""
        return True

    def write(self, data: Any) -> int:
        """Append data; return its number of bytes."""
        view = memoryview(data).cast("B")
        self._buffer += view
        return view.nbytes

    def take(self) -> bytes:
        """Return what was written since the last call."""
        data = bytes(self._buffer)
        self._buffer.clear()
        return data
