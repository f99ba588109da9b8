"""Environment settings of the export service."""

from pydantic_settings import SettingsConfigDict

from kit.service import WorkerSettings


class Settings(WorkerSettings):
    """Settings of `export`, as `EXPORT_…`."""

    model_config = SettingsConfigDict(env_prefix="EXPORT_")
