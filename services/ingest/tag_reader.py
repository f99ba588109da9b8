"""Read the tags of a file and print them as JSON; a script that runs in the sandbox.

`tag_reader.py FOLDER FILE START`, where FOLDER holds the `tinytag` package and START is where the
content begins. What a file calls Latin-1 may be in any encoding, so its bytes are kept: those
above 127 are printed as lone surrogates (U+DC80 to U+DCFF), as Python's `surrogateescape` does.
"""

import codecs
import io
import json
import struct
import sys
from pathlib import Path
from typing import Any

MAX_TAGS = 64
MAX_NAME = 64
MAX_TEXT = 4000
"""Before decoding: some encodings have two bytes per character."""
_MAX_CHUNKS = 4096
_MAX_INFO = 1 << 20
_INFO = {
    b"INAM": "title",
    b"TITL": "title",
    b"IART": "artist",
    b"IPRD": "album",
    b"ICRD": "year",
    b"IGNR": "genre",
    b"ICMT": "comment",
    b"ICOP": "copyright",
    b"IENG": "engineer",
    b"IMUS": "composer",
    b"ISFT": "encoder",
}
_SKIPPED = ("filename", "filesize", "mime_type", "is_lossless", "bitdepth", "bitrate")


def keep_bytes(name: str) -> codecs.CodecInfo | None:
    """Return the codec `kept`, which decodes bytes to ASCII and lone surrogates."""
    if name != "kept":
        return None

    def decode(data: Any, _errors: str = "strict") -> tuple[str, int]:
        return bytes(data).decode("ascii", "surrogateescape"), len(data)

    def encode(text: str, _errors: str = "strict") -> tuple[bytes, int]:
        return text.encode("ascii", "surrogateescape"), len(text)

    return codecs.CodecInfo(encode, decode, name="kept")


def riff_info(file: io.BufferedIOBase) -> dict[str, str]:
    """Return the tags of a RIFF file's INFO list, whose encoding is unknown."""
    tags: dict[str, str] = {}
    head = file.read(12)
    if head[:4] not in (b"RIFF", b"RF64", b"BW64") or head[8:12] != b"WAVE":
        return tags
    for _ in range(_MAX_CHUNKS):
        chunk = file.read(8)
        if len(chunk) < 8:
            break
        size = struct.unpack("<I", chunk[4:])[0]
        after = file.tell() + size + (size & 1)
        if chunk[:4] == b"LIST" and size < _MAX_INFO:
            body = file.read(size)
            at = 4 if body[:4] == b"INFO" else size
            while at + 8 <= len(body):
                length = struct.unpack_from("<I", body, at + 4)[0]
                text = body[at + 8 : at + 8 + length].split(b"\0")[0]
                name = _INFO.get(body[at : at + 4])
                if name and text:
                    tags.setdefault(name, text.decode("utf-8", "surrogateescape"))
                at += 8 + length + (length & 1)
        file.seek(after)
    return tags


def main() -> None:
    """Print the tags of the file; none if they are unreadable."""
    sys.path.insert(0, sys.argv[1])
    codecs.register(keep_bytes)
    # Imported here, because the command line gives its location in the sandbox.
    from tinytag import TinyTag, TinyTagException

    with Path(sys.argv[2]).open("rb") as file:
        try:
            read = TinyTag.get(
                file_obj=file, tags=True, duration=False, image=False, encoding="kept"
            )
            fields = read.as_dict()
        except (TinyTagException, OSError, ValueError, RecursionError, MemoryError):
            fields = {}
        file.seek(int(sys.argv[3]))
        # The library replaces bytes that are not UTF-8 in these tags.
        fields |= {name: [text] for name, text in riff_info(file).items()}
    tags: dict[str, str] = {}
    for name, value in fields.items():
        if name in _SKIPPED or len(tags) == MAX_TAGS:
            continue
        parts = value if isinstance(value, list) else [str(value)]
        text = "; ".join(str(part) for part in parts)
        if text:
            tags[name.lower()[:MAX_NAME]] = text[:MAX_TEXT]
    json.dump(tags, sys.stdout)


if __name__ == "__main__":
    main()
