"""Renders the manifests of deploy/k8s as an administrator's command would."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.servers.tools import cache
from deploy.tools.build import PROGRAMS, built, version


def render(folder: Path) -> list[dict[str, Any]]:
    """Return the documents of a kustomization.

    Without `kubectl` or `kustomize` on this machine, kubectl is built with Go, once.
    """
    return list(yaml.safe_load_all(render_text(folder)))


def render_text(folder: Path) -> str:
    """Return what a kustomization renders to."""
    rendered = subprocess.run(
        (*_command(), str(folder)), capture_output=True, check=False, text=True
    )
    assert rendered.returncode == 0, rendered.stderr
    return rendered.stdout


def _command() -> tuple[str, ...]:
    if kubectl := shutil.which("kubectl"):
        return (kubectl, "kustomize")
    if kustomize := shutil.which("kustomize"):
        return (kustomize, "build")
    target = cache() / f"kubectl-{version(PROGRAMS['kubectl'])}"
    if shutil.which("go") is None and not target.exists():
        pytest.skip("rendering deploy/k8s needs kubectl, kustomize or Go")
    return (str(built("kubectl", print)), "kustomize")
