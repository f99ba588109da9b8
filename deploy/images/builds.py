"""What is built: the images of all services, their variants, and the command of one build."""

import hashlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("docker", "podman", "buildah")
NOT_SENT = frozenset({"__pycache__", "node_modules", "dist"})
"""Folders that .dockerignore keeps from every build."""


class ImageError(Exception):
    """An image cannot be built or opened; the message says what to do."""


def services() -> tuple[str, ...]:
    """Return the names of all services, the gateway first."""
    folders = (ROOT / "services").glob("*/service.py")
    return ("gateway", *sorted(path.parent.name for path in folders))


def gpu_services() -> tuple[str, ...]:
    """Return the names of the services that have a variant for NVIDIA's GPUs."""
    locks = (ROOT / "requirements").glob("*-gpu.txt")
    return tuple(sorted(path.stem.removesuffix("-gpu") for path in locks))


def has_weights(service: str) -> bool:
    """Return whether a service runs networks, whose weights it needs."""
    return (ROOT / "services" / service / "weights.toml").is_file()


@dataclass(frozen=True, slots=True)
class Build:
    """One image: a service, and which of its variants.

    Raises
    ------
    ImageError
        The service is unknown, or has no such variant; the message names those that have.
    """

    service: str
    gpu: bool = False
    """Whether networks run on NVIDIA's GPUs."""
    baked: bool = False
    """Whether the default weights are in the image and not in a volume."""
    version: str = "dev"

    def __post_init__(self) -> None:
        if self.service not in services():
            known = ", ".join(services())
            raise ImageError(f"unknown service {self.service!r}; choose from: {known}")
        if self.gpu and self.service not in gpu_services():
            known = ", ".join(gpu_services())
            raise ImageError(f"{self.service} has no variant for GPUs; these have one: {known}")
        if self.baked and not has_weights(self.service):
            known = ", ".join(filter(has_weights, services()))
            raise ImageError(f"{self.service} has no weights; these have some: {known}")

    @property
    def tag(self) -> str:
        """The image's name, as compose.yaml and deploy/k8s have it, and its version."""
        return f"cratedig/{self.service}:{self.version}{'-gpu' if self.gpu else ''}"

    @property
    def lock(self) -> str:
        """The path of the lock in the checkout."""
        return f"requirements/{self.service}{'-gpu' if self.gpu else ''}.txt"

    def arguments(self) -> dict[str, str]:
        """Return the build arguments that differ from the Dockerfile's defaults."""
        arguments = {"SERVICE": self.service}
        if self.gpu:
            arguments["LOCK"] = self.lock
        if self.baked:
            arguments["WEIGHTS"] = "baked"
        return arguments


def inputs_digest(build: Build) -> str:
    """Return the SHA-256 of everything that an image is made of, besides its base."""
    digest = hashlib.sha256(repr(sorted(build.arguments().items())).encode())
    for path in _inputs(build):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _inputs(build: Build) -> Iterator[Path]:
    yield from (ROOT / "Dockerfile", ROOT / ".dockerignore", ROOT / build.lock)
    folders = ["contracts", "kit"]
    if build.service == "gateway":
        folders += ["gateway", "clients/web"]
    else:
        folders.append(f"services/{build.service}")
        yield ROOT / "services" / "__init__.py"
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and not NOT_SENT & set(path.relative_to(ROOT).parts):
                yield path


def build_command(
    build: Build, *, extra_arguments: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Return the arguments of a build; docker, podman and buildah take the same."""
    arguments = build.arguments() | dict(extra_arguments or {})
    return (
        *("build", "--file", str(ROOT / "Dockerfile"), "--tag", build.tag),
        *(part for name in arguments for part in ("--build-arg", f"{name}={arguments[name]}")),
        str(ROOT),
    )


def find_program() -> str:
    """Return the first program of `PROGRAMS` that is installed and works.

    docker without its daemon does not work, so `PROGRAM info` is asked.

    Raises
    ------
    ImageError
        None of them works here.
    """
    for name in PROGRAMS:
        if path := shutil.which(name):
            info = subprocess.run((path, "info"), capture_output=True, check=False)  # noqa: S603
            if info.returncode == 0:
                return path
    raise ImageError(
        "No program here can build images: start docker's daemon, or install podman or buildah "
        "(on Debian and Ubuntu `apt-get install buildah`)."
    )
