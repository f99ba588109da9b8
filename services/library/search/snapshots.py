"""Snapshots: the ordered results of recent searches, so that any row can be read by its offset."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from contracts.music import Seconds
from kit.clock import Clock
from services.library.search.fulltext import DocumentIds

LIFETIME: Seconds = timedelta(minutes=5).total_seconds()
"""How long a snapshot stays after it was read last."""
Distances = NDArray[np.float32] | None
"""Of results from what the search is `like`, `[results]`."""
MAX_OF_OWNER = 8
"""Snapshots of one owner; the one read longest ago goes first."""
MAX_BYTES = 64 << 20
"""All snapshots of this process, together."""


@dataclass(slots=True)
class _Snapshot:
    owner: str
    query: str
    ids: DocumentIds
    distances: Distances
    expires: float

    @property
    def nbytes(self) -> int:
        return self.ids.nbytes + (0 if self.distances is None else self.distances.nbytes)


class Snapshots:
    """The snapshots of this process, least recently read first."""

    def __init__(self, clock: Clock, *, max_bytes: int = MAX_BYTES) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._snapshots: OrderedDict[str, _Snapshot] = OrderedDict()
        self._bytes = 0

    def add(self, owner: str, query: str, ids: DocumentIds, distances: Distances = None) -> str:
        """Keep the results of a search; return the id of the snapshot."""
        self._drop_expired()
        mine = [id_ for id_, snapshot in self._snapshots.items() if snapshot.owner == owner]
        for id_ in mine[: max(0, len(mine) - MAX_OF_OWNER + 1)]:
            self._drop(id_)
        id_ = secrets.token_urlsafe(12)
        expires = self._clock.monotonic() + LIFETIME
        self._snapshots[id_] = _Snapshot(owner, query, ids, distances, expires)
        self._bytes += self._snapshots[id_].nbytes
        # The newest stays even if it is larger than all of them may be.
        while self._bytes > self._max_bytes and len(self._snapshots) > 1:
            self._drop(next(iter(self._snapshots)))
        return id_

    def get(self, id_: str, owner: str, query: str) -> tuple[DocumentIds, Distances] | None:
        """Return results and their distances, if this process still has the snapshot."""
        self._drop_expired()
        snapshot = self._snapshots.get(id_)
        if snapshot is None or (snapshot.owner, snapshot.query) != (owner, query):
            return None
        snapshot.expires = self._clock.monotonic() + LIFETIME
        self._snapshots.move_to_end(id_)
        return snapshot.ids, snapshot.distances

    def _drop_expired(self) -> None:
        now = self._clock.monotonic()
        for id_ in [i for i, snapshot in self._snapshots.items() if snapshot.expires <= now]:
            self._drop(id_)

    def _drop(self, id_: str) -> None:
        self._bytes -= self._snapshots.pop(id_).nbytes
