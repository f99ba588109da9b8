"""Read embedded tags with `tinytag` in a sandboxed process."""

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
_MAX_OUTPUT = 8 << 20
_MAX_NAME = 64
_MEMORY = 512 << 20


@dataclass(frozen=True, slots=True)
class EmbeddedTags:
    """The tags of a file: lower-case names to one line of text."""

    texts: dict[str, str] = field(default_factory=dict)
    """At most 64."""
    encoding: TagEncoding | None = None
    """The encoding of `raw`; `None` without raw tags."""
    raw: dict[str, bytes] = field(default_factory=dict)
    """Raw bytes of tags that are neither Unicode nor ASCII."""


def read_tags(sandbox: Sandbox, upload: Path, *, folder: Path, start: int = 0) -> EmbeddedTags:
    """Return a file's tags.

    Parameters
    ----------
    sandbox
        The sandbox of the reader.
    upload
        An untrusted file.
    folder
        A private, empty folder.
    start
        Position of the content after leading tags.

    Returns
    -------
    Tags
        Empty if there are none, or if reading fails in any way: bad tags are no reason to reject
        good audio.
    """
    read = _read(sandbox, upload, folder, start)
    raw = {name: _bytes_of(text) for name, text in read.items() if _is_raw(text)}
    encoding = guess_encoding(raw.values()) if raw else None
    texts = {name: clean_tag(text) for name, text in read.items() if name not in raw}
    if encoding is not None:
        texts |= {name: read_tag(part, encoding) for name, part in raw.items()}
    return EmbeddedTags({name: text for name, text in texts.items() if text}, encoding, raw)


def _is_raw(text: str) -> bool:
    return any("\udc80" <= letter <= "\udcff" for letter in text)


def _bytes_of(text: str) -> bytes:
    """Restore a text's raw bytes; other lone surrogates are damage."""
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
    output = bytearray()
    with Confined(sandbox, order) as running:
        try:
            for chunk in running.chunks():
                output += chunk
                if len(output) > _MAX_OUTPUT:
                    return {}
            if running.finish() != 0:
                return {}
        except (Rejected, Retryable):
            return {}
    try:
        tags = json.loads(output)
    except ValueError:
        return {}
    named = ((clean_tag(str(name), _MAX_NAME), str(text)) for name, text in tags.items())
    return {name: text for name, text in named if name}
