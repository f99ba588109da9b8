"""Every sibling has the same rooms, and no room is too large."""

import tomllib
from pathlib import Path

import pytest

from contracts.jobs import TaskName
from tests.architecture.house import HTTP_ROOMS, ROOT, WORKER_ROOMS, services, sources, workers

FORBIDDEN_NAMES = {"utils", "helpers", "common", "core", "manager", "models"}


@pytest.mark.parametrize("folder", workers(), ids=lambda path: path.name)
def test_a_worker_has_every_room(folder: Path) -> None:
    missing = [room for room in WORKER_ROOMS if not (folder / room).is_file()]
    assert not missing


@pytest.mark.parametrize(
    "folder", [ROOT / "services" / "library", ROOT / "gateway"], ids=lambda path: path.name
)
def test_an_http_service_has_every_room(folder: Path) -> None:
    missing = [room for room in HTTP_ROOMS if not (folder / room).is_file()]
    assert not missing
    assert (folder / "routes").is_dir()
    assert (folder / "migrations").is_dir()


@pytest.mark.parametrize("folder", workers(), ids=lambda path: path.name)
def test_a_worker_is_named_by_its_task(folder: Path) -> None:
    assert folder.name in set(TaskName)
    assert (ROOT / "contracts" / f"{folder.name}.py").is_file()


def test_there_are_services() -> None:
    assert {"ingest", "library", "midi"} <= {path.name for path in services()}


@pytest.mark.parametrize("folder", services(), ids=lambda path: path.name)
def test_main_is_three_lines(folder: Path) -> None:
    text = (folder / "__main__.py").read_text(encoding="utf-8")
    code = [
        line for line in text.splitlines() if line and not line.startswith(("from ", '"""', "#"))
    ]
    assert code == ["run(SERVICE)"]


@pytest.mark.parametrize("folder", [*services(), ROOT / "gateway"], ids=lambda path: path.name)
def test_every_service_is_an_image_and_an_extra(folder: Path) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert folder.name in extras["project"]["optional-dependencies"]
    assert (ROOT / "requirements" / f"{folder.name}.txt").is_file()
    assert (ROOT / "deploy" / "k8s" / "base" / folder.name).is_dir()


def test_no_file_is_over_500_lines() -> None:
    tops = ("contracts", "kit", "gateway", "services", "embedded", "clients", "deploy", "tests")
    large = {
        str(path.relative_to(ROOT)): count
        for path in sources(*tops, "benchmarks")
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > 500
    }
    assert not large


def test_no_file_is_named_for_nothing() -> None:
    tops = ("contracts", "kit", "gateway", "services", "embedded", "clients", "deploy")
    vague = [str(path.relative_to(ROOT)) for path in sources(*tops) if path.stem in FORBIDDEN_NAMES]
    assert not vague
