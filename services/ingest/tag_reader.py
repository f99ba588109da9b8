"""Read the tags of a file and print them as JSON; a script that runs confined.

`tag_reader.py FOLDER FILE`, where FOLDER holds the `tinytag` package.
"""

import json
import sys
from pathlib import Path

MOST_TAGS = 64
MOST_NAME = 64
MOST_TEXT = 2000


def clean(text: str, most: int) -> str:
    """Return text without control characters and lone surrogates, on one line, cut to length."""
    printable = "".join(
        " " if letter.isspace() else letter
        for letter in text
        if (letter.isprintable() or letter.isspace()) and not "\ud800" <= letter <= "\udfff"
    )
    return " ".join(printable.split())[:most]


def main() -> None:
    """Do what the command line says; a file without readable tags has none."""
    sys.path.insert(0, sys.argv[1])
    # Imported here, since only the confined process finds it where the command line says.
    from tinytag import TinyTag, TinyTagException

    with Path(sys.argv[2]).open("rb") as file:
        try:
            read = TinyTag.get(file_obj=file, tags=True, duration=False, image=False)
            fields = read.as_dict()
        except (TinyTagException, OSError, ValueError, RecursionError, MemoryError):
            fields = {}
    tags: dict[str, str] = {}
    for name, value in fields.items():
        if name in ("filename", "filesize", "mime_type", "is_lossless", "bitdepth", "bitrate"):
            continue
        parts = value if isinstance(value, list) else [str(value)]
        text = clean("; ".join(str(part) for part in parts), MOST_TEXT)
        key = clean(name.lower(), MOST_NAME)
        if text and key and len(tags) < MOST_TAGS:
            tags[key] = text
    json.dump(tags, sys.stdout)


if __name__ == "__main__":
    main()
