"""Write PNG files, 8-bit RGB only."""

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""`[height, width, 3]`, red, green, blue; the first row is the top."""


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def write_png(path: Path, picture: Picture) -> None:
    """Write an image as PNG.

    Raises
    ------
    ValueError
        The array is not an image.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
        raise ValueError(
            f"an image must be uint8 [height, width, 3], not {picture.dtype} {picture.shape}"
        )
    height, width, _ = picture.shape
    # Each row begins with its filter type; type 1 stores differences to the pixel on the left,
    # which compresses smooth images well.
    rows = picture.reshape(height, width * 3)
    left = np.zeros_like(rows)
    left[:, 3:] = rows[:, :-3]
    body = np.concatenate([np.ones((height, 1), np.uint8), rows - left], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(body.tobytes(), 6))
        + _chunk(b"IEND", b"")
    )
