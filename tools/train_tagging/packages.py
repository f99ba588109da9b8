"""The Debian packages of the training data, fetched with Debian's tools and not installed."""

import subprocess
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any


def configuration() -> dict[str, Any]:
    """Return the committed list of kits and rules."""
    return tomllib.loads((Path(__file__).with_name("kits.toml")).read_text(encoding="utf-8"))


def fetch(folder: Path, names: Collection[str] | None = None) -> None:
    """Fetch the packages and unpack them, without installing anything.

    Parameters
    ----------
    folder
        Where each is unpacked, in a folder of its name.
    names
        Only these packages.
    """
    for name in (package["name"] for package in configuration()["package"]):
        if names is None or name in names:
            fetch_package(folder, name)


def fetch_package(folder: Path, name: str) -> Path:
    """Fetch a package and unpack it into a folder of its name, which is returned.

    Raises
    ------
    SystemExit
        Debian's tools are not there, or the package cannot be had; it says which.
    """
    target = folder / name
    if (target / ".complete").is_file():
        return target
    target.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(["apt-get", "download", name], cwd=target, check=True)
        archive = next(target.glob("*.deb"))
        subprocess.run(["dpkg-deb", "--extract", archive, target], check=True)
    except FileNotFoundError as missing:
        raise SystemExit(
            f"{missing.filename} is not here: training data comes as Debian packages, so run "
            f"this on Debian or Ubuntu, or unpack {name} into {target} yourself and put an "
            f"empty file .complete next to it."
        ) from missing
    except subprocess.CalledProcessError as failed:
        raise SystemExit(
            f"`{' '.join(map(str, failed.cmd))}` failed: {name} is a package of Debian's main "
            f"section; run `apt-get update` and see that it is among the sources."
        ) from failed
    archive.unlink()
    (target / ".complete").touch()
    return target
