"""Stored bytes of the whole server and of its accounts."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.admin import AccountStorage, OwnerStorage, StorageReport
from contracts.ids import OwnerId
from kit.objects.base import ObjectStore
from services.library.usage import StorageLimits, Stored, UsageRow

MAX_SHOWN = 200
"""Accounts that are shown at most: those that store most."""
_KINDS = (col(UsageRow.originals), col(UsageRow.results), col(UsageRow.uploads))
_TOTAL: ColumnElement[Any] = _KINDS[0] + _KINDS[1] + _KINDS[2]


async def storage_report(
    session: AsyncSession, objects: ObjectStore, *, policy: StorageLimits
) -> StorageReport:
    """Return the stored bytes by kind and by account, and the free space of the disk.

    Raises
    ------
    ObjectError
    """
    totals = select(*(func.coalesce(func.sum(kind), 0) for kind in _KINDS))
    # Postgres sums integers of 64 bits to decimals.
    originals, results, uploads = map(int, (await session.execute(totals)).one())
    largest = (
        select(UsageRow)
        .where(_TOTAL > 0)
        .order_by(_TOTAL.desc(), col(UsageRow.owner))
        .limit(MAX_SHOWN)
    )
    accounts = [
        AccountStorage(**_of_owner(row.owner, _stored(row), policy))
        for row in await session.scalars(largest)
    ]
    disk = await objects.disk_space()
    return StorageReport(
        originals=originals,
        results=results,
        uploads=uploads,
        total=originals + results + uploads,
        limit=policy.server_bytes,
        free=disk.free if disk is not None else None,
        capacity=disk.capacity if disk is not None else None,
        accounts=tuple(accounts),
    )


async def storage_of(
    session: AsyncSession, owners: Sequence[OwnerId], *, policy: StorageLimits
) -> tuple[OwnerStorage, ...]:
    """Return the storage of owners, also of those that store nothing."""
    rows = await session.scalars(select(UsageRow).where(col(UsageRow.owner).in_(owners)))
    stored = {row.owner: _stored(row) for row in rows}
    pairs = ((owner, stored.get(owner, Stored())) for owner in owners)
    return tuple(
        OwnerStorage(quota=of_owner.quota, **_of_owner(owner, of_owner, policy))
        for owner, of_owner in pairs
    )


def _stored(row: UsageRow) -> Stored:
    return Stored(row.originals, row.results, row.uploads, row.quota)


def _of_owner(owner: str, stored: Stored, policy: StorageLimits) -> dict[str, Any]:
    return {
        "account": OwnerId(owner),
        "originals": stored.originals,
        "results": stored.results,
        "uploads": stored.uploads,
        "total": stored.total,
        "limit": stored.limit(policy),
    }
