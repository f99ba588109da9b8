"""Play the previews of a song's stems while separation still runs."""

import shutil
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path

import httpx

from cratedig import Client, CratedigError
from cratedig.types import Run

PLAYERS = (
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "quiet"),
    ("pw-play",),
    ("paplay",),
    ("afplay",),
)
"""Programs that play a FLAC file to its end; the first installed one is used."""


class Previews:
    """Prints the previews of a run's stems, and plays them at a terminal.

    Parameters
    ----------
    client
        Of the server that makes them.
    say
        Prints a line.
    player
        The command that plays a file; empty to play nothing.
    """

    def __init__(
        self, client: Client, say: Callable[[str], None], *, player: tuple[str, ...] = ()
    ) -> None:
        self._client = client
        self._say = say
        self._player = player
        self._seen: set[str] = set()
        self._stems: set[str] = set()
        self._waiting: deque[Path] = deque()
        self._playing: subprocess.Popen[bytes] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="cratedig-previews-")

    def update(self, run: Run) -> None:
        """Fetch new previews of a run; call it repeatedly while the run is in progress."""
        for job in self._client.jobs.list(run=run.id, state="running"):
            for name in job.progress.previews:
                if name not in self._seen:
                    self._seen.add(name)
                    self._offer(job.id, name)
        self._play()

    def close(self) -> None:
        """Stop playing and remove the parts."""
        if self._playing is not None and self._playing.poll() is None:
            self._playing.terminate()
            self._playing.wait()
        self._folder.cleanup()

    def _offer(self, job: str, name: str) -> None:
        stem = name.rsplit("-", 1)[0]
        try:
            address = self._client.jobs.preview(job, name).url
            if stem not in self._stems:
                self._stems.add(stem)
                self._say(f"  hear {stem} while it is made: {address}")
            if self._player:
                path = Path(self._folder.name) / name
                path.write_bytes(httpx.get(address, timeout=10.0).raise_for_status().content)
                self._waiting.append(path)
        except (CratedigError, httpx.HTTPError):
            # A part is gone as soon as its stem is whole.
            return

    def _play(self) -> None:
        if self._waiting and (self._playing is None or self._playing.poll() is not None):
            # The command is one of `PLAYERS`, and the file is ours.
            self._playing = subprocess.Popen(  # noqa: S603
                [*self._player, self._waiting.popleft()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )


def installed_player() -> tuple[str, ...]:
    """Return a command that plays a file, if one is installed and stdout is a terminal."""
    if not sys.stdout.isatty():
        return ()
    return next((command for command in PLAYERS if shutil.which(command[0])), ())
