"""A service's image starts: its process imports only packages that its lock file installs."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, workers

START = """
import sys
from importlib import import_module

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

missing = set(sys.argv[2].split(","))
sys.meta_path.insert(0, Missing())
import kit.main
kit.main.run = lambda *services: None
import_module(f"services.{sys.argv[1]}.__main__")
import kit.bus.kafka.bus, kit.objects.minio, kit.worker.child
import_module(f"services.{sys.argv[1]}.handler")
"""
"""Imports what `python -m services.<word>` imports, where some packages are not installed.

The second part is what a running worker imports later: clients of a cluster, and its child's code.
"""


def test_a_worker_has_no_database_driver() -> None:
    """Otherwise the next test would not see a worker that needs one."""
    for folder in workers():
        assert not locked(folder) & {"sqlalchemy", "sqlmodel", "alembic"}


@pytest.mark.parametrize("folder", workers(), ids=lambda path: path.name)
def test_a_worker_starts_with_the_packages_of_its_image(folder: Path) -> None:
    installed = locked(folder)
    missing = {
        module
        for module, names in packages_distributions().items()
        if not installed & {normal(name) for name in names}
    }
    missing -= {"contracts", "embedded", "gateway", "kit", "services"}
    start = subprocess.run(
        [sys.executable, "-c", START, folder.name, ",".join(sorted(missing))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert start.returncode == 0, start.stderr[-2_000:]


def locked(folder: Path) -> set[str]:
    """Return the packages that the image of a service installs."""
    lock = (ROOT / "requirements" / f"{folder.name}.txt").read_text(encoding="utf-8")
    return {normal(name) for name in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)}


def normal(name: str) -> str:
    """Return a package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
