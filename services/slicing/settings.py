"""Environment settings of the slicing service."""

from pydantic_settings import SettingsConfigDict

from kit.service import WorkerSettings


class Settings(WorkerSettings):
    """Settings of `slicing`, as `SLICING_…`."""

    model_config = SettingsConfigDict(env_prefix="SLICING_")
