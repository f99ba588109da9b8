"""Run times of each task, as a line over the length of the audio."""

from datetime import datetime
from typing import Any

from sqlmodel import Field

from kit.database.base import Json, Utc
from services.library.metadata import Table


class RunTimeRow(Table, table=True):
    """The run times of a task's latest jobs, and the line that was fitted to them."""

    __tablename__ = "run_times"

    task: str = Field(primary_key=True)
    recent: list[Any] = Field(sa_type=Json)
    """`[job, seconds of audio, seconds of run time]` of the latest jobs, oldest first."""
    median_run: float
    """Median run time in seconds."""
    intercept: float
    """Seconds that a job takes whatever its length."""
    slope: float
    """Seconds of run time for each second of audio."""
    measured: datetime = Field(sa_type=Utc)
