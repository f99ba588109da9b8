"""Embedded tags, read by `tinytag` in a confined process of its own."""

import json
import re
import sys
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from contracts.ingest import clean_tag, read_tag
from contracts.items import TagEncoding
from kit.worker.outcomes import Rejected, Retryable
from services.ingest.encodings import guess_encoding
from services.ingest.sandbox import Confined, Order, Sandbox

_READER = Path(__file__).with_name("tag_reader.py")
_DAMAGE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_CPU = 5
_MOST = 8 << 20
_MAX_NAME = 64
_MEMORY = 512 << 20


@dataclass(frozen=True, slots=True)
class Tags:
    """The tags of a file, lower-case names to one line of text."""

    texts: dict[str, str] = field(default_factory=dict)
    """At most 64."""
    encoding: TagEncoding | None = None
    """What `raw` was read as; `None` without any."""
    raw: dict[str, bytes] = field(default_factory=dict)
    """Those that are not in Unicode and not plain ASCII, as they stand in the file."""


def read_tags(sandbox: Sandbox, upload: Path, *, folder: Path, start: int = 0) -> Tags:
    """Return a file's tags.

    Parameters
    ----------
    sandbox
        What the reader is confined with.
    upload
        An untrusted file.
    folder
        A private, empty folder.
    start
        Where the content begins, after tags in front.

    Returns
    -------
    Tags
        None when there are none, or when reading them fails in any way: bad tags are no reason to
        refuse good sound.
    """
    read = _read(sandbox, upload, folder, start)
    raw = {name: _bytes_of(text) for name, text in read.items() if _is_raw(text)}
    encoding = guess_encoding(raw.values()) if raw else None
    texts = {name: clean_tag(text) for name, text in read.items() if name not in raw}
    if encoding is not None:
        texts |= {name: read_tag(part, encoding) for name, part in raw.items()}
    return Tags({name: text for name, text in texts.items() if text}, encoding, raw)


def _is_raw(text: str) -> bool:
    return any("\udc80" <= letter <= "\udcff" for letter in text)


def _bytes_of(text: str) -> bytes:
    """Return a text's bytes, with those that were kept; other lone surrogates are damage."""
    return _DAMAGE.sub("\ufffd", text).encode("utf-8", "surrogateescape")


def _read(sandbox: Sandbox, upload: Path, folder: Path, start: int) -> dict[str, str]:
    spec = find_spec("tinytag")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package tinytag is missing")
    packages = Path(spec.origin).parents[1]
    order = Order(
        program=[sys.executable, "-I", "-S", str(_READER), str(packages), str(upload), str(start)],
        reads=[
            *(_READER, upload, packages, Path(sys.base_prefix), Path(sys.prefix) / "pyvenv.cfg"),
            Path(sys.executable).resolve(),
        ],
        folder=folder,
        cpu=(_CPU, _CPU),
        memory=_MEMORY,
    )
    said = bytearray()
    with Confined(sandbox, order) as running:
        try:
            for chunk in running.chunks():
                said += chunk
                if len(said) > _MOST:
                    return {}
            if running.finish() != 0:
                return {}
        except (Rejected, Retryable):
            return {}
    try:
        tags = json.loads(said)
    except ValueError:
        return {}
    named = ((clean_tag(str(name), _MAX_NAME), str(text)) for name, text in tags.items())
    return {name: text for name, text in named if name}
