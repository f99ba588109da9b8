"""Environment settings of the ingest service."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from kit.service import WorkerSettings


class Settings(WorkerSettings):
    """Settings of `ingest`, as `INGEST_…`."""

    model_config = SettingsConfigDict(env_prefix="INGEST_")

    slots: Annotated[int, Field(ge=1, le=256)] = 2
    """Uploads at a time, each in its own child process. Half of them, rounded up, may be long."""

    @property
    def long_slots(self) -> int:
        """Maximum number of slots for long uploads; the others are reserved for short ones.

        A user can do nothing else with a file before it is ingested, so an idle slot costs less
        here than a busy one; later tasks are less urgent.
        """
        return (self.slots + 1) // 2
