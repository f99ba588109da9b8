"""The columns of the owners who searched last, within a bound of memory."""

from collections import OrderedDict
from datetime import timedelta

from contracts.music import Seconds
from kit.clock import Clock
from services.library.search.columns import Columns
from services.library.search.documents import KEPT_REMOVED

RELOAD_AFTER: Seconds = (KEPT_REMOVED - timedelta(hours=12)).total_seconds()
"""Columns that were read longer ago are read again from the start: by the time they are refreshed,
documents that tell of removed items may be gone."""


class ColumnCache:
    """The columns of owners, least recently used first."""

    def __init__(self, clock: Clock, *, max_bytes: int) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._columns: OrderedDict[str, tuple[Columns, float]] = OrderedDict()

    def get(self, owner: str) -> Columns:
        """Return an owner's columns, empty if they are not in memory; the caller refreshes them."""
        columns, used = self._columns.get(owner, (Columns(), 0.0))
        now = self._clock.monotonic()
        if owner in self._columns and now - used > RELOAD_AFTER:
            columns = Columns()
        self._columns[owner] = (columns, now)
        self._columns.move_to_end(owner)
        return columns

    def shrink(self) -> None:
        """Drop columns until the rest is within the bound; those used last always stay."""
        total = sum(columns.memory for columns, _ in self._columns.values())
        while total > self._max_bytes and len(self._columns) > 1:
            _, (columns, _) = self._columns.popitem(last=False)
            total -= columns.memory
