"""Database queries of the audit log."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.admin import AuditAction
from gateway.tables import AccountRow, AuditRow


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Selects entries of the audit log."""

    action: AuditAction | None = None
    account: str | None = None
    """Who did it, or to whom it was done."""
    before: str | None = None
    """Only entries older than the one with this id."""


async def entries(session: AsyncSession, filter_: AuditFilter, *, limit: int) -> list[AuditRow]:
    """Return entries, newest first; ids grow with time."""
    query = select(AuditRow).order_by(col(AuditRow.id).desc()).limit(limit)
    if filter_.action is not None:
        query = query.where(col(AuditRow.action) == filter_.action.value)
    if filter_.account is not None:
        account = filter_.account
        query = query.where(or_(col(AuditRow.actor) == account, col(AuditRow.account) == account))
    if filter_.before is not None:
        query = query.where(col(AuditRow.id) < filter_.before)
    return list(await session.scalars(query))


async def emails(session: AsyncSession, ids: Collection[str]) -> dict[str, str]:
    """Return the addresses of accounts that are not deleted, by id."""
    query = select(col(AccountRow.id), col(AccountRow.email)).where(
        col(AccountRow.id).in_(list(ids)), col(AccountRow.deleted).is_(False)
    )
    return dict((await session.execute(query)).all())


async def actions(session: AsyncSession) -> list[AuditAction]:
    """Return the actions that the log has entries of."""
    query = select(col(AuditRow.action)).distinct()
    return [AuditAction(name) for name in await session.scalars(query)]


async def sweep(session: AsyncSession, action: AuditAction, *, before: datetime, kept: int) -> None:
    """Delete an action's entries that are older than `before`, and those beyond the newest `kept`.

    A limit for each action, so that nobody can push the others out of the log by repeating one.
    """
    of_action = col(AuditRow.action) == action.value
    beyond = (
        select(col(AuditRow.id))
        .where(of_action)
        .order_by(col(AuditRow.id).desc())
        .offset(kept)
        .limit(1)
        .scalar_subquery()
    )
    await session.execute(
        delete(AuditRow).where(
            of_action, or_(col(AuditRow.at) < before, col(AuditRow.id) <= beyond)
        )
    )
