"""Prometheus's own checker of rules, from the machine or from Debian's package, not installed."""

import shutil
import subprocess
from pathlib import Path

from deploy.servers.base import Say, ServerError
from deploy.servers.tools import building, cache


def promtool(say: Say) -> Path:
    """Return the path of promtool, fetching Debian's package `prometheus` if there is none.

    Raises
    ------
    ServerError
        It is not installed, and Debian's tools or the package cannot be had.
    """
    if path := shutil.which("promtool"):
        return Path(path)
    target = cache() / "prometheus"
    try:
        with building(target, say) as draft:
            if draft is not None:
                say("fetching Debian's package prometheus (19 MB)")
                _run("apt-get", "download", "--quiet", "prometheus", folder=draft)
                (archive,) = draft.glob("*.deb")
                _run("dpkg-deb", "--extract", archive.name, ".", folder=draft)
                archive.unlink()
    except (OSError, subprocess.CalledProcessError) as error:
        raise ServerError(
            "`promtool` is missing: it checks the alerts. On Debian and Ubuntu "
            "`apt-get install prometheus`, on macOS `brew install prometheus`."
        ) from error
    return target / "usr" / "bin" / "promtool"


def _run(program: str, *arguments: str, folder: Path) -> None:
    path = shutil.which(program)
    if path is None:
        raise FileNotFoundError(program)
    subprocess.run((path, *arguments), cwd=folder, check=True, capture_output=True)  # noqa: S603
