"""Write FLAC files with a seek table, by which a reader finds a frame over HTTP ranges.

libFLAC calls its write callback once for each frame (`write_bitbuffer_` in `stream_encoder.c`), so
the file sees where each frame begins and nothing has to be parsed. The format of the table is in
RFC 9639, section 8.5.
"""

import io
import struct
from pathlib import Path

MIN_INDEXED = 30.0
"""Seconds of audio from which a file gets a table; shorter files are read whole."""
MAX_POINTS = 1024
"""Points in a table. A longer file has points further apart: every 4 s in an hour."""

_STREAMINFO_END = 42
"""The marker, then the first metadata block, which has a fixed size."""
_HEADER = struct.Struct(">I")
_SEEKTABLE = 3
"""The type of the metadata block."""
_POINT = struct.Struct(">QQH")
_PLACEHOLDER = _POINT.pack(2**64 - 1, 0, 0)
_SYNC = b"\xff\xf8"
"""The start of every frame in a stream of constant block size."""


class SeekTableFile(io.RawIOBase):
    """A file that libFLAC's encoder writes to, and that adds the seek table.

    The table is reserved behind STREAMINFO once `MIN_INDEXED` seconds are there, and filled when
    the file is closed. Its points are about a second apart; whenever there are more than
    `max_points`, every second one is dropped. Equal audio gives equal bytes.

    Parameters
    ----------
    path
        Where to write; replaced if it exists.
    sample_rate
        In Hz.
    max_points
        Points in the table; even.
    """

    def __init__(self, path: Path, sample_rate: int, *, max_points: int = MAX_POINTS) -> None:
        self._file = path.open("w+b")
        self._rate = sample_rate
        self._max_points = max_points
        self._end = 0
        self._frames = 0
        self._block = 0
        self._audio = 0
        self._stride = 1
        self._points: list[tuple[int, int]] = []
        self._reserved = False
        self.error: OSError | None = None
        """The first error of a write; the encoder only learns that a write was short."""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position in the file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position in the file."""
        return self._file.tell()

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Write metadata or one whole frame; return 0 after an error, which `error` keeps."""
        try:
            position = self._file.tell()
            if position == self._end and data.startswith(_SYNC):
                self._note_frame(position)
                position = self._file.tell()
            self._file.write(data)
            self._end = max(self._end, position + len(data))
        except OSError as error:
            self.error = self.error or error
            return 0
        return len(data)

    def close(self) -> None:
        """Fill the table and close the file; a second call does nothing."""
        if self.closed:
            return
        try:
            if self._reserved and self.error is None:
                self._fill()
        finally:
            self._file.close()
            super().close()

    def _note_frame(self, position: int) -> None:
        if self._frames == 0:
            self._block = self._read_int(8, 2)
            self._audio = position
            self._stride = max(1, self._rate // self._block)
        if not self._reserved and self._frames * self._block >= MIN_INDEXED * self._rate:
            position += self._reserve()
        if self._frames % self._stride == 0:
            self._points.append((self._frames * self._block, position - self._audio))
        if len(self._points) > self._max_points:
            self._points = self._points[::2]
            self._stride *= 2
        self._frames += 1

    def _reserve(self) -> int:
        """Insert an empty table behind STREAMINFO; return its size."""
        size = self._max_points * _POINT.size
        block = _HEADER.pack(_SEEKTABLE << 24 | size) + _PLACEHOLDER * self._max_points
        self._file.seek(_STREAMINFO_END)
        rest = self._file.read()
        self._file.seek(_STREAMINFO_END)
        self._file.write(block + rest)
        self._audio += len(block)
        self._end += len(block)
        self._reserved = True
        return len(block)

    def _fill(self) -> None:
        samples = self._read_int(18, 8) & (1 << 36) - 1
        self._file.seek(_STREAMINFO_END + _HEADER.size)
        for first, offset in self._points:
            self._file.write(_POINT.pack(first, offset, min(self._block, samples - first)))

    def _read_int(self, position: int, size: int) -> int:
        """Return a big-endian integer of STREAMINFO; the position stays."""
        held = self._file.tell()
        self._file.seek(position)
        value = int.from_bytes(self._file.read(size), "big")
        self._file.seek(held)
        return value
