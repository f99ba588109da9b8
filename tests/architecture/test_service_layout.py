"""Every sibling has the same rooms, and no room is too large."""

import ast
import tomllib
from pathlib import Path

import pytest

from contracts.jobs import TaskName
from tests.architecture.sources import (
    HTTP_ROOMS,
    PACKAGES,
    ROOT,
    WORKER_ROOMS,
    imports,
    services,
    sources,
    workers,
)

OPTIONAL_ROOMS = {
    "backends.py": {"backend", "choice", "chooser", "runtimes"},
    "engines": {"backends", "runtimes"},
    "networks": {"network", "graphs", "network.py", "model.py", "nets"},
    "streaming.py": {"stream", "streams", "listening", "windows"},
    "writers.py": {"writer", "score", "files", "png", "output", "outputs", "exporters"},
    "dsp.py": {"signal", "signals"},
}
"""Rooms that a worker has where it needs them, with names that once stood for the same."""
GRAPHS = ("onnx", "kit.weights.graph", "kit.weights.checkpoints")
WRITERS = ("mido", "csv", "zlib")
LIBRARY_PACKAGES = {
    *("routes", "completion", "maintenance", "deletions", "pipelines"),
    *("imports", "maps", "collections", "saved_searches", "search", "similarity", "tags"),
    *("corrections", "cuts", "descriptors", "recommendations"),
    *("teaching", "catalogue", "jobs", "events", "administration", "estimates"),
    "query_sounds",
    "webhooks",
}
"""Their order is a contract of import-linter."""
FORBIDDEN_NAMES = {"utils", "helpers", "common", "core", "manager", "models"}


@pytest.mark.parametrize("folder", workers(), ids=lambda path: path.name)
def test_a_worker_has_every_room(folder: Path) -> None:
    missing = [room for room in WORKER_ROOMS if not (folder / room).is_file()]
    assert not missing


@pytest.mark.parametrize("folder", workers(), ids=lambda path: path.name)
def test_an_optional_room_of_a_worker_has_one_name(folder: Path) -> None:
    others = {name.removesuffix(".py") for names in OPTIONAL_ROOMS.values() for name in names}
    others -= {room.removesuffix(".py") for room in OPTIONAL_ROOMS}
    assert not others & {path.stem for path in folder.iterdir()}


@pytest.mark.parametrize("folder", workers(), ids=lambda path: path.name)
def test_what_builds_graphs_and_what_writes_formats_has_its_room(folder: Path) -> None:
    for path in folder.rglob("*.py"):
        rooms = {part.removesuffix(".py") for part in path.relative_to(folder).parts}
        names = set(imports(path))
        if names & set(GRAPHS):
            assert rooms & {"networks", "engines"}, path
        if names & set(WRITERS):
            assert rooms & {"writers", "formats"}, path
        if "kit.inference.devices.installed" in names or "importlib.metadata.distribution" in names:
            assert rooms & {"backends", "engine"}, path


@pytest.mark.parametrize("folder", workers(), ids=lambda path: path.name)
def test_engines_have_a_run_method(folder: Path) -> None:
    """Protocols of `engine.py` compute with `run` or `run_<part>`; `open` gives what computes."""
    tree = ast.parse((folder / "engine.py").read_text(encoding="utf-8"))
    protocols = [
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)
    ]
    assert any(node.name == "Engine" for node in protocols)
    for node in protocols:
        for method in node.body:
            if not isinstance(method, ast.FunctionDef) or method.decorator_list:
                continue
            name = method.name
            assert name in {"run", "open", "close"} or name.startswith("run_"), (node.name, name)


@pytest.mark.parametrize(
    "folder", [ROOT / "services" / "library", ROOT / "gateway"], ids=lambda path: path.name
)
def test_an_http_service_has_every_room(folder: Path) -> None:
    missing = [room for room in HTTP_ROOMS if not (folder / room).is_file()]
    assert not missing
    assert (folder / "migrations").is_dir()
    assert list(folder.rglob("routes/__init__.py"))
    assert list(folder.rglob("repository.py"))


def test_the_library_is_divided_into_packages() -> None:
    library = ROOT / "services" / "library"
    packages = {path.parent.name for path in library.glob("*/__init__.py")}
    assert packages == LIBRARY_PACKAGES
    keeping = {"catalogue", "collections", "tags", "search", "similarity", "pipelines", "jobs"}
    keeping |= {"events", "estimates", "maps", "corrections"}
    for package in LIBRARY_PACKAGES & keeping:
        assert (library / package / "tables.py").is_file()


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
    tops = (*PACKAGES, "clients", "deploy", "examples", "tools", "tests")
    styles = (ROOT / "clients" / "web" / "src").rglob("*.css")
    large = {
        str(path.relative_to(ROOT)): count
        for path in (*sources(*tops, "benchmarks"), *styles)
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > 500
    }
    assert not large


def test_no_file_is_named_for_nothing() -> None:
    tops = (*PACKAGES, "clients", "deploy", "examples", "tools")
    vague = [str(path.relative_to(ROOT)) for path in sources(*tops) if path.stem in FORBIDDEN_NAMES]
    assert not vague
