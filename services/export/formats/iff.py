"""Append chunks to WAV and AIFF files, which are both lists of chunks as in EA IFF 85."""

import os
import struct
from collections.abc import Sequence
from pathlib import Path

_KINDS = {b"RIFF": ("<", (b"WAVE",)), b"FORM": (">", (b"AIFF", b"AIFC"))}
"""The byte order of each container, and the kinds of file in it."""
_HEADER = 12
_LARGEST = 2**32 - 1


def append_chunks(path: Path, chunks: Sequence[tuple[bytes, bytes]]) -> None:
    """Append chunks to a file and correct the length in its header.

    Parameters
    ----------
    path
        A RIFF WAVE or AIFF file; changed in place.
    chunks
        Identifier of four bytes, and content, in the byte order of the container.

    Raises
    ------
    ValueError
        It is neither a WAV nor an AIFF file, or would become longer than 4 GiB. The file is
        unchanged.
    """
    with path.open("r+b") as file:
        head = file.read(_HEADER)
        order, kinds = _KINDS.get(head[:4], ("", ()))
        if head[8:] not in kinds:
            raise ValueError(f"{path.name} is neither a WAV nor an AIFF file")
        end = file.seek(0, os.SEEK_END)
        # Every chunk begins at an even offset.
        added = b"\0" * (end % 2) + b"".join(
            name + struct.pack(f"{order}I", len(body)) + body + b"\0" * (len(body) % 2)
            for name, body in chunks
        )
        length = end + len(added) - 8
        if length > _LARGEST:
            raise ValueError(f"{path.name} would be longer than 4 GiB; export a shorter part")
        file.write(added)
        file.seek(4)
        file.write(struct.pack(f"{order}I", length))
