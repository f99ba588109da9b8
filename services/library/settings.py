"""What the library can be told by its environment."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from contracts.music import Seconds
from kit.service import HttpSettings
from services.library.jobs.policy import Policy

_GIB = 1 << 30
Count = Annotated[int, Field(ge=1, le=1 << 50)]


class LibrarySettings(HttpSettings):
    """Settings of the library, as `LIBRARY_…`."""

    model_config = SettingsConfigDict(env_prefix="LIBRARY_")

    database_url: SecretStr = SecretStr("sqlite+aiosqlite:///data/library.db")
    """`postgresql+asyncpg://user:secret@host/name`, or `sqlite+aiosqlite:////absolute/path.db`."""
    migration_url: SecretStr | None = None
    """The same database as the role that owns its tables, which only migrations use; by default
    `LIBRARY_DATABASE_URL`. On Postgres the other role then has no rights but those on rows."""
    database_pool: Annotated[int, Field(ge=1, le=1000)] = 10
    """Connections for reading; on Postgres as many for writing. Searches take half of them."""
    workers_end_with_us: bool = False
    """Whether no worker can have outlived an earlier start: its jobs then wait again at once."""
    upload_bytes: Count = 20 * _GIB
    """The largest file that is taken."""
    owner_bytes: Count = 500 * _GIB
    """What one owner may store: originals, results, and uploads under way."""
    server_bytes: Count | None = None
    """What all owners together may store; without it the disk is the limit."""
    owner_uploads: Count = 200
    """Uploads of one owner that may be under way at once."""
    owner_pipelines: Count = 500
    """Pipelines that one owner may store."""
    owner_collections: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """Collections that one owner may have, besides the built-in ones."""
    collection_items: Annotated[int, Field(ge=16, le=1_000_000)] = 10_000
    """Items that one collection may hold."""
    owner_saved_searches: Annotated[int, Field(ge=1, le=1000)] = 100
    """Saved searches that one owner may have."""
    pack_bytes: Count = 4 * _GIB
    """The largest ZIP archive that is imported; it is unpacked from the temporary folder."""
    import_any_address: bool = False
    """Whether imports may use `http://`, every port, and addresses of private networks. Only for
    servers whose users may reach all that the server can reach."""
    owner_webhooks: Annotated[int, Field(ge=1, le=100)] = 10
    """Webhooks that one owner may have."""
    webhook_any_address: bool = False
    """Whether webhooks may use `http://`, every port, and addresses of private networks. Only for
    servers whose users may reach all that the server can reach."""
    max_duration: Annotated[Seconds, Field(gt=0, le=86_400)] = 4 * 3600.0
    """The max_duration recording that is taken, in seconds."""
    feed_retention_days: Annotated[int, Field(ge=1, le=3650)] = 7
    """Days for which the event feed keeps events; a reader that was away longer misses some."""
    owner_running: Count = 64
    """Jobs of one owner that may run at once."""
    owner_queued: Count = 1000
    """Jobs of one owner that may wait at once."""
    server_queued: Count = 20_000
    """Waiting jobs of all owners from which on batch work is refused."""
    search_bytes: Count = 512 << 20
    """Memory for what searches hold of the owners who searched last: 1 MiB for 10,000 items."""
    map_points: Annotated[int, Field(ge=100, le=1_000_000)] = 200_000
    """Sounds that a map may show."""
    map_threads: Annotated[int, Field(ge=1, le=256)] = 1
    """Processors that the layout of a map may use; with one, the same sounds and seed give the
    same map."""

    @property
    def owner_url(self) -> str:
        """The address of the database as the role that owns its tables."""
        return (self.migration_url or self.database_url).get_secret_value()

    @property
    def feed_retention(self) -> timedelta:
        """How long the event feed keeps events."""
        return timedelta(days=self.feed_retention_days)

    def policy(self, lease: Seconds) -> Policy:
        """Return the numbers of the job table for a lease."""
        return Policy(
            lease=timedelta(seconds=lease),
            sweep=timedelta(seconds=lease / 4),
            overrun=timedelta(seconds=lease),
            owner_running=self.owner_running,
            owner_queued=self.owner_queued,
            server_queued=self.server_queued,
            owner_bytes=self.owner_bytes,
            server_bytes=self.server_bytes,
        )
