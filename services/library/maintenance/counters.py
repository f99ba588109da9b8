"""The check that the counters of storage usage agree with the rows that they count."""

import logging
from collections.abc import Sequence
from typing import Any

from prometheus_client import Gauge
from sqlalchemy import ColumnElement, Executable, ScalarSelect, String, bindparam, func, or_, select
from sqlmodel import col

from contracts.objects import Bucket
from contracts.uploads import UploadState
from kit.database.engine import Database
from services.library.catalogue.tables import OPENING, ArtifactRow, UploadRow
from services.library.usage import UsageRow

log = logging.getLogger(__name__)

MISCOUNTED = Gauge(
    "library_miscounted_owners",
    "Owners in the last look whose stored bytes are counted wrong: 0.",
)
COMPARED = 10
"""Owners whose counters are compared with what they count at each look."""
_OWNER = bindparam("of_owner", type_=String)


class CounterCheck:
    """Compares counters with the rows they count: a few owners at each look, all in turn."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._after = ""

    async def compare(self) -> Sequence[str]:
        """Look once; return the owners whose counters are wrong."""
        owner = col(UsageRow.owner)
        some = select(owner).where(owner > self._after).order_by(owner).limit(COMPARED)
        statement = self._database.prepared("count again", _counting_again)
        wrong = []
        async with self._database.session() as session:
            owners = list(await session.scalars(some))
            # Whoever cannot be counted now does not keep the others from being looked at.
            self._after = owners[-1] if len(owners) == COMPARED else ""
            for owner_id in owners:
                row = (await session.execute(statement, {"of_owner": owner_id})).one_or_none()
                if row is not None and row[:3] != tuple(map(int, row[3:])):
                    log.error("what %s stores is counted wrong: %s", owner_id, tuple(row))
                    wrong.append(owner_id)
        MISCOUNTED.set(len(wrong))
        return wrong


def _counting_again() -> Executable:
    """Return the query of an owner's counters and of what they should be, at one moment."""
    artifact, upload = col(ArtifactRow.owner), col(UploadRow.owner)
    # The subject that an object was made of has it under its own name; others borrow it.
    key, prefix = col(ArtifactRow.object_key), col(ArtifactRow.owner) + "/"
    of_subject = prefix + col(ArtifactRow.subject_kind) + "/" + col(ArtifactRow.subject_id) + "/"
    # Keys of earlier versions name the item alone.
    own = or_(
        key.startswith(of_subject),
        key.startswith(prefix + col(ArtifactRow.item) + "/"),
    )

    def total(column: Any, *where: ColumnElement[bool]) -> ScalarSelect[int]:
        return select(func.coalesce(func.sum(column), 0)).where(*where).scalar_subquery()

    size, bucket = col(ArtifactRow.size), col(ArtifactRow.bucket)
    under_way = col(UploadRow.state).in_((OPENING, UploadState.OPEN))
    return select(
        *(col(UsageRow.originals), col(UsageRow.results), col(UsageRow.uploads)),
        total(size, artifact == _OWNER, bucket == Bucket.ORIGINALS),
        total(size, artifact == _OWNER, bucket == Bucket.DERIVED, own),
        total(col(UploadRow.size), upload == _OWNER, under_way),
    ).where(col(UsageRow.owner) == _OWNER)
