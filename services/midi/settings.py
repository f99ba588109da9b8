"""Environment settings of the midi service."""

from pydantic_settings import SettingsConfigDict

from kit.service import WorkerSettings


class Settings(WorkerSettings):
    """Settings of `midi`, as `MIDI_…`."""

    model_config = SettingsConfigDict(env_prefix="MIDI_")
