"""Embedded tags, read by `tinytag` in a confined process of its own."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

from kit.worker.outcomes import Rejected, Retryable
from services.ingest.sandbox import Confined, Order, Sandbox

_READER = Path(__file__).with_name("tag_reader.py")
_CPU = 5
_MOST = 1 << 20
_MEMORY = 512 << 20


def read_tags(sandbox: Sandbox, upload: Path, *, folder: Path) -> dict[str, str]:
    """Return a file's tags, lower-case names to one line of text.

    Parameters
    ----------
    sandbox
        What the reader is confined with.
    upload
        An untrusted file.
    folder
        A private, empty folder.

    Returns
    -------
    dict
        At most 64 tags; none when there are none, or when reading them fails in any way: bad
        tags are no reason to refuse good sound.
    """
    spec = find_spec("tinytag")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package tinytag is missing")
    packages = Path(spec.origin).parents[1]
    order = Order(
        program=[sys.executable, "-I", "-S", str(_READER), str(packages), str(upload)],
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
    return {str(name): str(text) for name, text in tags.items()}
