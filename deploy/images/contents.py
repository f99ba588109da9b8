"""What an image holds: its packages, what fills it, and what does not belong into it."""

import email
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.images.builds import ROOT, Build, has_weights

COMPILERS = re.compile(
    r"([a-z0-9_]+-linux-gnu-)?(gcc|g\+\+|cc|c\+\+|cpp|clang|clang\+\+|ld|as|make|cmake|rustc|cargo|go|node|npm)(-[\d.]+)?"
)
"""Names of programs that build other programs, and of Node, which only builds the page."""
CACHES = (
    *("root/.cache", "root/.npm", "home/cratedig/.cache", "home/cratedig/.npm", "cache"),
    *("var/cache/apt/archives/*.deb", "var/lib/apt/lists/*", "tmp/*", "var/tmp/*", "source"),
)
ENTRY = re.compile(r"^([A-Za-z0-9._-]+==[^\\]*?)\s*\\?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Package:
    """A package that is installed in an image."""

    name: str
    version: str
    bytes: int
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """The parts of an image, with their sizes in bytes."""

    python: tuple[Package, ...]
    debian: tuple[Package, ...]
    app: int
    web: int
    weights: int

    @property
    def bytes(self) -> int:
        """The size of all parts: uncompressed, without what belongs to no package."""
        packages = sum(package.bytes for package in (*self.python, *self.debian))
        return packages + self.app + self.web + self.weights

    def largest(self, count: int = 5) -> list[Package]:
        """Return the packages that fill most of the image, largest first."""
        packages = (*self.python, *self.debian)
        return sorted(packages, key=lambda package: package.bytes, reverse=True)[:count]


def read_contents(root: Path) -> Contents:
    """Return what fills an image, whose root folder is given."""
    web = root / "app" / "clients" / "web" / "dist"
    return Contents(
        python=tuple(sorted(_python_packages(root), key=lambda package: package.name)),
        debian=tuple(_debian_packages(root)),
        app=_size(root / "app") - _size(web),
        web=_size(web),
        weights=_size(root / "weights"),
    )


def locked_versions(lock: Path) -> dict[str, str]:
    """Return the packages that a lock installs here, by their normalised names."""
    versions: dict[str, str] = {}
    for entry in ENTRY.findall(lock.read_text(encoding="utf-8")):
        requirement = Requirement(entry)
        if requirement.marker is None or requirement.marker.evaluate():
            (specifier,) = requirement.specifier
            versions[canonicalize_name(requirement.name)] = specifier.version
    return versions


def problems(root: Path, build: Build) -> list[str]:
    """Return what an image holds and should not, or lacks, in a sentence each."""
    return [
        *_wrong_packages(root, build),
        *_wrong_code(root, build),
        *(f"{path} is a program that builds others" for path in _compilers(root)),
        *(f"{path} is a cache or a build's remains" for path in _caches(root)),
        *(f"{path} holds tests" for path in _tests(root)),
    ]


def _wrong_packages(root: Path, build: Build) -> Iterator[str]:
    locked = locked_versions(ROOT / build.lock)
    installed_versions = {package.name: package.version for package in _python_packages(root)}
    # Weights may come from wheels, which pip downloads.
    if has_weights(build.service):
        installed_versions.pop("pip", None)
    for name in sorted(locked.keys() | installed_versions.keys()):
        if locked.get(name) != installed_versions.get(name):
            installed = (
                f"{name} {installed_versions[name]} is installed"
                if name in installed_versions
                else f"no {name}"
            )
            yield f"{installed}; {build.lock} has {locked.get(name, 'none')}"


def _wrong_code(root: Path, build: Build) -> Iterator[str]:
    app = root / "app"
    there = {path.name for path in app.iterdir()}
    siblings = {path.name for path in (app / "services").glob("*") if path.is_dir()}
    if build.service == "gateway":
        expected, own = {"contracts", "kit", "gateway", "clients", "start"}, set[str]()
        if not (app / "clients" / "web" / "dist" / "index.html").is_file():
            yield "the web client's page is missing"
    else:
        expected, own = {"contracts", "kit", "services", "clients", "start"}, {build.service}
        if any((app / "clients" / "web" / "dist").iterdir()):
            yield "the web client is in it, which only the gateway serves"
    if there != expected:
        yield f"/app holds {sorted(there)} and should hold {sorted(expected)}"
    if siblings - {"__pycache__"} != own:
        yield f"/app/services holds {sorted(siblings)}"
    uncompiled = [
        path
        for path in app.rglob("*.py")
        if not any((path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"))
    ]
    if uncompiled:
        yield f"{len(uncompiled)} modules of /app are not compiled, {uncompiled[0]} first"


def _compilers(root: Path) -> Iterator[str]:
    for folder in ("usr/bin", "usr/local/bin", "usr/sbin", "usr/local/sbin", "venv/bin"):
        for path in sorted((root / folder).glob("*")):
            if COMPILERS.fullmatch(path.name):
                yield f"/{folder}/{path.name}"


def _caches(root: Path) -> Iterator[str]:
    for pattern in CACHES:
        for path in sorted(root.glob(pattern)):
            if path.name not in {"partial", "lock", "auxfiles"}:
                yield f"/{path.relative_to(root)}"


def _tests(root: Path) -> Iterator[str]:
    for folder in ("app", "venv/lib"):
        for path in sorted((root / folder).rglob("*")):
            if path.is_dir() and path.name in {"tests", "test", "SelfTest"}:
                yield f"/{path.relative_to(root)}"


def _python_packages(root: Path) -> Iterator[Package]:
    for folder in sorted(root.glob("venv/lib/python3.*/site-packages")):
        for distribution in distributions(path=[str(folder)]):
            yield Package(
                canonicalize_name(distribution.name),
                distribution.version,
                _distribution_size(distribution),
                _licence(distribution),
            )


def _distribution_size(distribution: Distribution) -> int:
    paths = {Path(str(path.locate())) for path in distribution.files or ()}
    return sum(path.stat().st_size for path in paths if path.is_file())


def _licence(distribution: Distribution) -> str:
    """Return the licence that a package states, if it is an SPDX expression or a short name."""
    metadata = distribution.metadata
    fields = (name for name in ("License-Expression", "License") if name in metadata)
    stated = next((metadata[name] for name in fields), "")
    return stated if "\n" not in stated and len(stated) < 80 else ""


def _debian_packages(root: Path) -> Iterator[Package]:
    status = root / "var" / "lib" / "dpkg" / "status"
    for stanza in status.read_text(encoding="utf-8").split("\n\n"):
        fields = email.message_from_string(stanza)
        if "installed" in fields.get("Status", "").split():
            size = 1024 * int(fields.get("Installed-Size", "0"))
            yield Package(fields["Package"], fields["Version"], size)


def _size(folder: Path) -> int:
    return sum(
        path.lstat().st_size
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    )
