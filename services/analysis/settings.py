"""What the analysis service can be told by its environment."""

from pydantic_settings import SettingsConfigDict

from kit.service import WorkerSettings


class Settings(WorkerSettings):
    """Settings of `analysis`, as `ANALYSIS_…`."""

    model_config = SettingsConfigDict(env_prefix="ANALYSIS_")
