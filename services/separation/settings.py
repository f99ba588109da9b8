"""Settings of `separation`: those of every worker, as `SEPARATION_…`."""

from pydantic_settings import SettingsConfigDict

from kit.service import WorkerSettings


class SeparationSettings(WorkerSettings):
    """Settings of `separation`."""

    model_config = SettingsConfigDict(env_prefix="SEPARATION_")
