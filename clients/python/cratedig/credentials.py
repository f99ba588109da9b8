"""The address of a server and the tokens of a session, kept in a file of their owner between
commands."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

DEFAULT_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The address of a server, with an API key or the two tokens of a session.

    With an API key, `access_token` holds the key and `refresh_token` is empty.
    """

    url: str = DEFAULT_URL
    access_token: str = ""
    refresh_token: str = ""
    email: str = ""


Saver = Callable[[Credentials], None]
"""Called whenever the tokens of a session change: a refresh token works once."""


def default_path() -> Path:
    """Return the file of the credentials: `CRATEDIG_CONFIG`, or one below the home folder."""
    if path := os.environ.get("CRATEDIG_CONFIG"):
        return Path(path)
    root = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(root) / "cratedig" / "credentials.json"


def load(path: Path | None = None) -> Credentials:
    """Read the credentials; `CRATEDIG_URL` and `CRATEDIG_API_KEY` override the file."""
    path = path or default_path()
    try:
        stored = Credentials(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        stored = Credentials()
    url = os.environ.get("CRATEDIG_URL", stored.url)
    if key := os.environ.get("CRATEDIG_API_KEY"):
        return Credentials(url=url, access_token=key)
    return stored if url == stored.url else Credentials(url=url)


def save(credentials: Credentials, path: Path | None = None) -> None:
    """Write the credentials atomically, readable by their owner only."""
    path = path or default_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_suffix(f".{os.getpid()}")
    new.touch(mode=0o600)
    new.write_text(json.dumps(asdict(credentials)), encoding="utf-8")
    new.replace(path)


def discard(credentials: Credentials) -> None:
    """Save nothing, because the caller passed the credentials and keeps them."""
