"""What the ingest service can be told by its environment."""

from pydantic_settings import SettingsConfigDict

from kit.service import WorkerSettings


class Settings(WorkerSettings):
    """Settings of `ingest`, as `INGEST_…`."""

    model_config = SettingsConfigDict(env_prefix="INGEST_")
