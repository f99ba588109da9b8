"""Environment settings of the analysis service."""

from pydantic_settings import SettingsConfigDict

from kit.service import WorkerSettings


class Settings(WorkerSettings):
    """Settings of `analysis`, as `ANALYSIS_…`."""

    model_config = SettingsConfigDict(env_prefix="ANALYSIS_")
