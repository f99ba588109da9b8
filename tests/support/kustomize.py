"""Renders the manifests of deploy/k8s as an administrator's command would."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.servers.tools import building, cache, run_shown

MODULE = "sigs.k8s.io/kustomize/kustomize/v5"
VERSION = "v5.7.1"


def render(folder: Path) -> list[dict[str, Any]]:
    """Return the documents of a kustomization.

    Without `kubectl` or `kustomize` on this machine, kustomize is built with Go, once.
    """
    rendered = subprocess.run(
        (*_command(), str(folder)), capture_output=True, check=False, text=True
    )
    assert rendered.returncode == 0, rendered.stderr
    return list(yaml.safe_load_all(rendered.stdout))


def _command() -> tuple[str, ...]:
    if kubectl := shutil.which("kubectl"):
        return (kubectl, "kustomize")
    if kustomize := shutil.which("kustomize"):
        return (kustomize, "build")
    return (str(_built() / "kustomize"), "build")


def _built() -> Path:
    """Return the folder of our own kustomize, building it if it is not there."""
    target = cache() / f"kustomize-{VERSION}"
    go = shutil.which("go")
    if go is None and not target.exists():
        pytest.skip("rendering deploy/k8s needs kubectl, kustomize or Go")
    with building(target, print) as draft:
        if draft is not None:
            run_shown(
                (str(go), "install", "-ldflags=-s -w", f"{MODULE}@{VERSION}"),
                label="building kustomize (about a minute, once)",
                say=print,
                folder=draft,
                environment={"GOBIN": str(draft), "CGO_ENABLED": "0"},
            )
    return target
