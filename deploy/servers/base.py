"""The interface of a server."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Say = Callable[[str], None]
"""Shows one line of progress."""


class ServerError(Exception):
    """A server cannot be fetched, started or stopped; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server's process is started."""

    command: tuple[str, ...]
    environment: dict[str, str]


class Server(Protocol):
    """One kind of server: how to fetch, configure, start and check it."""

    name: str
    ports: tuple[str, ...]
    """Names of the ports it listens on, the first one being for clients."""
    secrets: tuple[str, ...]
    """Names of the secrets it needs; made at random once for each checkout."""
    stop_signal: int
    """The signal that stops it in good order."""

    def fetch(self, say: Say) -> None:
        """Fetch or build its programs into the cache, if they are not there."""
        ...

    def prepare(self, folder: Path, ports: dict[str, int], secrets: dict[str, str]) -> Launch:
        """Make its data folder, if there is none, and return how to start it."""
        ...

    def healthy(self, ports: dict[str, int]) -> bool:
        """Return whether it answers clients now."""
        ...

    def initialise(self, folder: Path, ports: dict[str, int], secrets: dict[str, str]) -> None:
        """Finish the setup of a running server; idempotent."""
        ...

    def is_transient(self, log_tail: str) -> bool:
        """Return whether the end of its log says that a failed start is worth another try."""
        ...

    def environment(self, ports: dict[str, int], secrets: dict[str, str]) -> dict[str, str]:
        """Return the settings by which services find it."""
        ...
