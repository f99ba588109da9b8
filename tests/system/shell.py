"""A user at a terminal, for tests of the command line."""

import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cratedig import Client
from cratedig.credentials import save
from tests.support.running_server import RunningServer
from tests.support.sounds import write_tone

PASSWORD = secrets.token_urlsafe(16)
COMMAND = Path(sys.executable).with_name("cratedig")


def email() -> str:
    return f"{secrets.token_hex(8)}@example.org"


@dataclass(frozen=True)
class Shell:
    """A user at a terminal."""

    user: Client
    folder: Path
    url: str

    @property
    def environment(self) -> dict[str, str]:
        """Of the command."""
        return {
            **os.environ,
            "CRATEDIG_CONFIG": str(self.folder / "credentials.json"),
            "CRATEDIG_PASSWORD": PASSWORD,
        }

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(COMMAND), *arguments],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        """Return the one document that a command prints."""
        done = self(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def tone(self, name: str, *, frequency: float, **facts: Any) -> str:
        """Upload a tone; return its item."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        sent = self.user.uploads.file(write_tone(path, seconds=1.5, frequency=frequency), **facts)
        self.user.jobs.wait(str(sent.job))
        return str(sent.item)


def shell_of(server: RunningServer, folder: Path) -> Shell:
    user = server.client()
    user.account.create(email(), PASSWORD)
    save(user.credentials, folder / "credentials.json")
    return Shell(user, folder, server.url)
