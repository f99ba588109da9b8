"""What the architecture tests read: the tree, and the imports of each file as text."""

import ast
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from kit.settings import KitSettings, ServiceSettings

ROOT = Path(__file__).parents[2]
WORKER_ROOMS = (
    "__init__.py",
    "__main__.py",
    "service.py",
    "settings.py",
    "handler.py",
    "engine.py",
    "README.md",
)
HTTP_ROOMS = (
    "__init__.py",
    "__main__.py",
    "service.py",
    "settings.py",
    "app.py",
    "tables.py",
    "README.md",
)
PACKAGES = ("contracts", "kit", "gateway", "services", "embedded")


def services() -> list[Path]:
    """Return the folders of all services."""
    return sorted(path for path in (ROOT / "services").iterdir() if (path / "service.py").is_file())


def workers() -> list[Path]:
    """Return the folders of the worker services."""
    return [path for path in services() if path.name != "library"]


def known_settings(folder: Path) -> set[str]:
    """Return the environment variables that a service reads."""
    name = str(folder.relative_to(ROOT)).replace("/", ".")
    module = import_module(f"{name}.settings")
    kinds = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, ServiceSettings)
    ]
    return {
        f"{kind.model_config.get('env_prefix', '')}{field}".upper()
        for kind in (*kinds, KitSettings)
        for field in kind.model_fields
    }


def sources(*tops: str) -> list[Path]:
    """Return the Python files below folders of the project."""
    return sorted(
        path
        for top in tops
        for path in (ROOT / top).rglob("*.py")
        if "node_modules" not in path.parts
    )


def imports(path: Path) -> Iterator[str]:
    """Yield the full name of everything that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importers(package: str, *tops: str) -> set[str]:
    """Return the files, relative to the project, that import a package."""
    return {
        str(path.relative_to(ROOT))
        for path in sources(*tops)
        if any(name == package or name.startswith(package + ".") for name in imports(path))
    }


def tracked() -> list[Path]:
    """Return the files that git tracks, or everything outside of hidden folders without git."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False, text=True
    )
    names = listed.stdout.split("\0") if listed.returncode == 0 else []
    paths = [ROOT / name for name in names if name]
    return [path for path in paths if path.is_file()]
