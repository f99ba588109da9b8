"""Settings of the embedded server, and the settings that it derives for its services."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from embedded.folder import check_database, own_secrets
from gateway.settings import GatewaySettings
from kit.main import Chosen
from kit.settings import KitSettings, Port, ServiceSettings, read
from services.library.settings import LibrarySettings


class EmbeddedSettings(ServiceSettings):
    """Settings of the embedded server."""

    model_config = SettingsConfigDict(env_prefix="CRATEDIG_")

    data: Path = Path("data")
    """The data folder: databases, files and secrets."""
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """The address to listen on; `0.0.0.0` accepts connections from other machines."""
    port: Port = 8000


def compose(settings: EmbeddedSettings) -> tuple[KitSettings, Chosen]:
    """Return the settings of a server in one process, and those of its HTTP services.

    Raises
    ------
    StartRefused
        A setting is invalid, or the data folder is damaged.
    """
    data = settings.data.resolve()
    own = own_secrets(data / "secrets.json")
    (data / "scratch").mkdir(exist_ok=True)
    for name in ("library.db", "gateway.db"):
        check_database(data / name)
    kit = read(
        KitSettings,
        bus_url="memory://",
        objects_url=SecretStr(f"file://{data / 'objects'}"),
        objects_signing_secret=SecretStr(own.signing),
        library_url="inprocess://library",
        library_internal_url="inprocess://library-internal",
        gateway_url="inprocess://gateway",
        internal_secret=SecretStr(own.internal),
        scratch_dir=data / "scratch",
    )
    chosen = {
        "library": read(
            LibrarySettings,
            port=None,
            internal_port=None,
            workers_end_with_us=True,
            database_url=SecretStr(f"sqlite+aiosqlite:///{data / 'library.db'}"),
        ),
        "gateway": read(
            GatewaySettings,
            host=settings.host,
            port=settings.port,
            database_url=SecretStr(f"sqlite+aiosqlite:///{data / 'gateway.db'}"),
        ),
    }
    return kit, chosen
