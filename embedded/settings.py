"""Settings of the embedded house, and the secrets that it makes for itself."""

import fcntl
import json
import secrets
from pathlib import Path
from typing import IO

from pydantic import BaseModel, SecretStr
from pydantic_settings import SettingsConfigDict

from gateway.settings import GatewaySettings
from kit.durable import publish
from kit.main import Chosen
from kit.settings import KitSettings, ServiceSettings
from services.library.settings import LibrarySettings


class EmbeddedSettings(ServiceSettings):
    """What can be told to the embedded house."""

    model_config = SettingsConfigDict(env_prefix="CRATEDIG_")

    data: Path = Path("data")
    """Where everything is kept: databases, files, secrets."""
    host: str = "127.0.0.1"
    port: int = 8000


class _Secrets(BaseModel):
    internal: str
    signing: str


class DataFolderInUse(Exception):
    """Another house runs on this data folder."""


def lock(data: Path) -> IO[str]:
    """Take the data folder for this process; the lock goes with the process.

    Raises
    ------
    DataFolderInUse
    """
    data.mkdir(parents=True, exist_ok=True)
    file = (data / ".lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise DataFolderInUse(
            f"another Cratedig already runs on {data}. Stop it first (make stop), "
            "or set CRATEDIG_DATA to another folder."
        ) from None
    return file


def compose(settings: EmbeddedSettings) -> tuple[KitSettings, Chosen]:
    """Return the addresses of a house in one process, and the settings of its HTTP services."""
    data = settings.data.resolve()
    made = _own_secrets(data / "secrets.json")
    (data / "scratch").mkdir(exist_ok=True)
    kit = KitSettings(
        bus_url="memory://",
        objects_url=SecretStr(f"file://{data / 'objects'}"),
        objects_signing_secret=SecretStr(made.signing),
        library_url="inprocess://library",
        library_internal_url="inprocess://library-internal",
        gateway_url="inprocess://gateway",
        internal_secret=SecretStr(made.internal),
        scratch_dir=data / "scratch",
    )
    chosen = {
        "library": LibrarySettings(
            port=None,
            internal_port=None,
            workers_end_with_us=True,
            database_url=SecretStr(f"sqlite+aiosqlite:///{data / 'library.db'}"),
        ),
        "gateway": GatewaySettings(
            host=settings.host,
            port=settings.port,
            database_url=SecretStr(f"sqlite+aiosqlite:///{data / 'gateway.db'}"),
        ),
    }
    return kit, chosen


def _own_secrets(path: Path) -> _Secrets:
    """Read this house's secrets, or make them at its first start."""
    if path.is_file():
        return _Secrets.model_validate_json(path.read_text(encoding="utf-8"))
    made = _Secrets(internal=secrets.token_urlsafe(48), signing=secrets.token_urlsafe(48))
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(json.dumps(made.model_dump()), encoding="utf-8")
    publish(new, path)
    return made
