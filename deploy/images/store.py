"""A store of images in this project's cache, opened by buildah: it needs no daemon."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from deploy.images.builds import ImageError
from kit.settings import cache_root

PACKAGES = {
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "mount": "mount",
    "umount": "mount",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "chroot": "coreutils",
}
"""Programs of builds and runs without a container engine, and Debian's packages of them."""


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """How a container of an image is started."""

    user: str
    command: tuple[str, ...]
    environment: dict[str, str]
    working_folder: str
    labels: dict[str, str]
    history: tuple[str, ...]
    """The instructions that made the image, with the build arguments that they saw."""


class Store:
    """Images of one folder, apart from those of this machine's users.

    Parameters
    ----------
    folder
        By default below the user's cache folder. It can be removed when no build runs.

    Raises
    ------
    ImageError
        The process is not root's, or a program is missing; the message names its package.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or cache_root() / "images"
        if os.geteuid() != 0:
            raise ImageError("Images are opened and run here as root: use sudo, or a container.")
        for program in PACKAGES:
            require(program)
        for name in ("storage", "run", "temporary"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    @cached_property
    def driver(self) -> str:
        """The storage driver: `overlay` if this machine mounts it, else `vfs`, which copies."""
        if chosen := os.environ.get("STORAGE_DRIVER"):
            return chosen
        with tempfile.TemporaryDirectory(dir=self.folder) as probe:
            folders = {name: Path(probe, name) for name in ("lower", "upper", "work", "merged")}
            for path in folders.values():
                path.mkdir()
            options = "lowerdir={lower},upperdir={upper},workdir={work}".format(**folders)
            mount = (
                require("mount"),
                "-t",
                "overlay",
                "overlay",
                "-o",
                options,
                str(folders["merged"]),
            )
            if subprocess.run(mount, capture_output=True, check=False).returncode != 0:  # noqa: S603
                return "vfs"
            subprocess.run((require("umount"), str(folders["merged"])), check=True)  # noqa: S603
        return "overlay"

    def buildah(self, *arguments: str, log: Path | None = None) -> str:
        """Run one command of buildah on this store; return what it prints.

        Parameters
        ----------
        log
            The file that gets its output instead.

        Raises
        ------
        ImageError
            It failed; the message ends with what it printed last.
        """
        command = (
            *(require("buildah"), "--storage-driver", self.driver),
            *("--root", str(self.folder / "storage"), "--runroot", str(self.folder / "run")),
            *arguments,
        )
        environment = os.environ | {
            "BUILDAH_ISOLATION": "chroot",
            # Caches of pip and npm are below it, and last from build to build.
            "TMPDIR": str(self.folder / "temporary"),
        }
        if log is None:
            done = subprocess.run(  # noqa: S603
                command, capture_output=True, text=True, check=False, env=environment
            )
            output, problem = done.stdout, done.stderr
        else:
            with log.open("w") as file:
                done = subprocess.run(  # noqa: S603
                    command, stdout=file, stderr=file, text=True, check=False, env=environment
                )
            output = problem = log.read_text(errors="replace")
        if done.returncode != 0:
            raise ImageError(f"`buildah {arguments[0]}` failed:\n{problem[-3000:].strip()}")
        return output.strip()

    def has(self, image: str) -> bool:
        """Return whether an image is in the store."""
        return bool(self.buildah("images", "--quiet", "--filter", f"reference={image}"))

    def config(self, image: str) -> ImageConfig:
        """Return how a container of an image is started."""
        content: dict[str, Any] = json.loads(self.buildah("inspect", "--type", "image", image))
        config = content["OCIv1"]["config"]
        return ImageConfig(
            user=config.get("User", ""),
            command=(*config.get("Entrypoint", ()), *config.get("Cmd", ())),
            environment=dict(entry.split("=", 1) for entry in config.get("Env", ())),
            working_folder=config.get("WorkingDir", "/"),
            labels=config.get("Labels") or {},
            history=tuple(str(entry.get("created_by", "")) for entry in content["History"]),
        )

    @contextmanager
    def opened(self, image: str) -> Iterator[Path]:
        """Give the root folder of a container of an image, and remove it at the end."""
        container = self.buildah("from", "--pull-never", image)
        try:
            yield Path(self.buildah("mount", container))
        finally:
            self.buildah("rm", container)


def require(program: str) -> str:
    """Return the path of an installed program, or raise an error that names its package."""
    if path := shutil.which(program):
        return path
    raise ImageError(f"`{program}` is missing: install Debian's package {PACKAGES[program]}.")
