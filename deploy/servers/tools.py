"""Programs of this machine that fetch and build the servers, and the cache they fill."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from deploy.servers.base import Say, ServerError
from kit.settings import cache_root

NEEDED = {
    "java": (
        "Kafka runs on Java 17 or newer",
        "on Debian and Ubuntu `apt-get install openjdk-17-jre-headless`, "
        "on macOS `brew install openjdk`",
    ),
    "mvn": (
        "Maven fetches Kafka",
        "on Debian and Ubuntu `apt-get install maven`, on macOS `brew install maven`",
    ),
    "go": (
        "Go builds the MinIO server",
        "see https://go.dev/doc/install (1.24 or newer), on macOS `brew install go`",
    ),
}


def cache() -> Path:
    """Return the folder that fetched programs lie in, for all checkouts of this user."""
    folder = cache_root() / "servers"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def require(program: str) -> str:
    """Return the path of an installed program, or raise an error that says how to install it."""
    if path := shutil.which(program):
        return path
    why, how = NEEDED[program]
    raise ServerError(f"`{program}` is missing: {why}. To install it: {how}.")


@contextlib.contextmanager
def building(target: Path, say: Say) -> Iterator[Path | None]:
    """Yield a folder to build in, moved to `target` on success; `None` if `target` exists.

    Two processes that want the same target take turns.
    """
    if target.exists():
        yield None
        return
    with target.with_name(f".{target.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that makes {target.name}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            yield None
            return
        draft = target.with_name(f".{target.name}.part")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        yield draft
        draft.rename(target)


def run_shown(
    command: tuple[str, ...],
    *,
    label: str,
    say: Say,
    folder: Path,
    environment: dict[str, str] | None = None,
) -> None:
    """Run a long command, reporting every ten seconds that it still runs.

    Raises
    ------
    ServerError
        It failed; the message ends with what it printed last.
    """
    began = time.monotonic()
    say(label)
    log = folder / "build.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 The commands are written in this package.
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | (environment or {}),
        )
        while True:
            try:
                status = process.wait(timeout=10)
                break
            except subprocess.TimeoutExpired:
                say(f"{label}: {time.monotonic() - began:.0f} s")
            except BaseException:
                process.terminate()
                process.wait()
                raise
    if status != 0:
        tail = log.read_text(errors="replace")[-1500:].strip()
        raise ServerError(f"`{command[0]}` failed with status {status}:\n{tail}")
    log.unlink()
    say(f"{label}: done in {time.monotonic() - began:.0f} s")
