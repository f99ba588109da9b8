"""What the ingest service can be told by its environment."""

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
        """Slots that may take in long uploads at once: the others are kept for short ones.

        Everything else that a user does waits until a file is taken in, so that here, other than
        in the tasks behind, a slot that idles costs less than one that is not free.
        """
        return (self.slots + 1) // 2
