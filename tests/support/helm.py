"""Runs Helm on the project's chart, as an administrator's command would."""

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from deploy.helm.__main__ import CHART
from deploy.tools.build import built


@cache
def program() -> str:
    """Return the path of Helm, building it with Go if it is not in the cache."""
    return str(built("helm", print))


def helm(*arguments: str, check: bool = True) -> str:
    """Run Helm; return what it prints, errors included if they are not checked."""
    done = subprocess.run(
        (program(), *arguments), capture_output=True, check=False, text=True, timeout=900
    )
    assert not check or done.returncode == 0, f"helm {' '.join(arguments)}\n{done.stderr}"
    return done.stdout + ("" if check else done.stderr)


def options(folder: Path, values: dict[str, Any], *names: str) -> list[str]:
    """Return the options that give Helm files of the chart and values of one's own."""
    path = folder / "values.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    files = [f"--values={CHART / name}" for name in names]
    return [*files, f"--values={path}"]


def render(*arguments: str) -> list[dict[str, Any]]:
    """Return the documents that the chart renders to, for the namespace `cratedig`."""
    text = helm("template", "cratedig", str(CHART), "--namespace=cratedig", *arguments)
    return [document for document in yaml.safe_load_all(text) if document]
