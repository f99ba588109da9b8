"""From `make run` on a clean checkout to a server that is ready: the first start and the second.

The checkout is a clone of this one and the home folder is empty: nothing comes from a cache, and
what the package index takes to answer is part of the figure.
"""

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import httpx

from tests.support.running_server import ROOT, free_port

WITHIN = 900.0


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        checkout, home = Path(folder) / "cratedig", Path(folder) / "home"
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(checkout)], check=True)
        for name in ("first", "second"):
            print(f"{name} start: {_start(checkout, home):.1f} s from `make run` to ready")


def _start(checkout: Path, home: Path) -> float:
    port = free_port()
    environment = {
        **os.environ,
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "CRATEDIG_PORT": str(port),
        "PIP_NO_CACHE_DIR": "1",
    }
    environment.pop("KIT_WEIGHTS_DIR", None)
    began = time.monotonic()
    with (checkout.parent / "log").open("wb") as log:
        process = subprocess.Popen(
            ["make", "run"],
            cwd=checkout,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        while not _ready(port):
            if process.poll() is not None or time.monotonic() - began > WITHIN:
                raise SystemExit((checkout.parent / "log").read_text()[-3000:])
            time.sleep(0.1)
        return time.monotonic() - began
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=1.0).is_success
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
