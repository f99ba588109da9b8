"""Environment settings of the transcribe service."""

from pydantic_settings import SettingsConfigDict

from kit.service import WorkerSettings


class Settings(WorkerSettings):
    """Settings of `transcribe`, as `TRANSCRIBE_…`."""

    model_config = SettingsConfigDict(env_prefix="TRANSCRIBE_")
