"""A clock that tests advance."""

from datetime import UTC, datetime, timedelta


class ManualClock:
    """A clock that advances by a millisecond for each reading, and otherwise only by `advance`."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        self._begin = self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    def now(self) -> datetime:
        self._now += timedelta(milliseconds=1)
        return self._now

    def monotonic(self) -> float:
        return (self.now() - self._begin).total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
