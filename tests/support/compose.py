"""Reads compose.yaml with Compose's own parser, which a small Go program of this project runs."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy.servers.tools import building, cache, run_shown
from tests.architecture.sources import ROOT

MODULE = ROOT / "deploy" / "tools" / "compose"


class ComposeError(Exception):
    """The file is refused; the message is the parser's."""


def project(file: Path, variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the project that a compose file describes, with the given variables and no others."""
    parsed = subprocess.run(
        (str(_program()), str(file), *(f"{name}={value}" for name, value in variables.items())),
        capture_output=True,
        check=False,
        text=True,
    )
    if parsed.returncode != 0:
        raise ComposeError(parsed.stderr.strip())
    content: dict[str, Any] = json.loads(parsed.stdout)
    return content


def _program() -> Path:
    """Return the parser, building it if this version of it is not there."""
    sources = b"".join((MODULE / name).read_bytes() for name in ("main.go", "go.mod", "go.sum"))
    target = cache() / f"compose-{hashlib.sha256(sources).hexdigest()[:12]}"
    go = shutil.which("go")
    if go is None and not target.exists():
        pytest.skip("reading compose.yaml as Compose does needs Go")
    with building(target, print) as draft:
        if draft is not None:
            output = str(draft / "compose")
            run_shown(
                (str(go), "build", "-mod=readonly", "-ldflags=-s -w", "-o", output, "."),
                label="building the parser of compose files (half a minute, once)",
                say=print,
                folder=MODULE,
                environment={"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"},
            )
    return target / "compose"
