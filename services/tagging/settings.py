"""Environment settings of the tagging service."""

from pydantic_settings import SettingsConfigDict

from kit.service import WorkerSettings


class Settings(WorkerSettings):
    """Settings of `tagging`, as `TAGGING_…`."""

    model_config = SettingsConfigDict(env_prefix="TAGGING_")
