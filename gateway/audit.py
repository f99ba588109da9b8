"""The audit log: who did what, when and from where. It never holds a secret (S24)."""

import asyncio
import contextlib
import logging
import re
from collections import OrderedDict
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from contracts.admin import AuditAction, AuditEntry
from contracts.identity import Principal
from contracts.ids import UserId
from contracts.music import Seconds
from gateway import audit_repository
from gateway.audit_repository import AuditFilter
from gateway.limits import caller_address
from gateway.settings import GatewaySettings
from gateway.tables import AuditRow
from kit.clock import Clock, new_id
from kit.database.base import DatabaseUnavailable
from kit.database.engine import Database

log = logging.getLogger(__name__)

READ_EVERY: Seconds = 600.0
"""One entry for all times that a session reads a list of administrators within this time."""
REMEMBERED = 1_000
"""Lists and sessions whose last entry is remembered."""
SWEEP_EVERY: Seconds = 600.0
_ADMIN_LIST = re.compile(r"^/v1/admin/([a-z-]+)$")
_REPLAY = re.compile(r"^/v1/admin/dead-letters/([0-9-]+)/replay$")
_ITEM = re.compile(r"^/v1/items/([0-9a-f-]{36})$")


class AuditLog:
    """Writes and reads the audit log.

    An entry about a change is written in the transaction of the change. An entry about anything
    else is written on its own; if the database is unavailable then, only the log file has it.
    """

    def __init__(self, database: Database, *, settings: GatewaySettings, clock: Clock) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._read: OrderedDict[tuple[str, str], float] = OrderedDict()

    def entry(
        self,
        action: AuditAction,
        *,
        actor: str | None = None,
        account: str | None = None,
        target: str = "",
        detail: str = "",
    ) -> AuditRow:
        """Return an entry to add to the transaction of what it records."""
        return AuditRow(
            id=new_id(),
            at=self._clock.now(),
            action=action.value,
            actor=actor,
            account=account,
            address=caller_address(),
            target=target,
            detail=detail,
        )

    async def record(
        self,
        action: AuditAction,
        *,
        actor: str | None = None,
        account: str | None = None,
        target: str = "",
    ) -> None:
        """Write an entry that is no part of a transaction."""
        try:
            async with self._database.transaction() as session:
                session.add(self.entry(action, actor=actor, account=account, target=target))
        except (DatabaseUnavailable, SQLAlchemyError) as error:
            log.warning("%s is not in the audit log: %s", action, error)

    async def record_read(self, principal: Principal, name: str) -> None:
        """Write that an administrator read a list, once in `READ_EVERY` for each session."""
        key, now = (principal.session, name), self._clock.monotonic()
        if (last := self._read.get(key)) is not None and now - last < READ_EVERY:
            return
        self._read[key] = now
        self._read.move_to_end(key)
        if len(self._read) > REMEMBERED:
            self._read.popitem(last=False)
        await self.record(AuditAction.ADMIN_READ, actor=principal.user, target=name)

    async def record_forwarded(self, principal: Principal, method: str, path: str) -> None:
        """Write that the library has done what an entry is kept of."""
        if method == "GET" and (match := _ADMIN_LIST.match(path)):
            await self.record_read(principal, match[1])
        elif method == "POST" and (match := _REPLAY.match(path)):
            action = AuditAction.DEAD_LETTER_REPLAYED
            await self.record(action, actor=principal.user, target=match[1])
        elif method == "DELETE" and (match := _ITEM.match(path)):
            action, user = AuditAction.ITEM_DELETED, principal.user
            await self.record(action, actor=user, account=user, target=match[1])

    async def entries(self, filter_: AuditFilter, *, limit: int) -> tuple[AuditEntry, ...]:
        """Return entries, newest first."""
        async with self._database.session() as session:
            rows = await audit_repository.entries(session, filter_, limit=limit)
            ids = {id_ for row in rows for id_ in (row.actor, row.account) if id_ is not None}
            emails = await audit_repository.emails(session, ids)
        return tuple(
            AuditEntry(
                id=row.id,
                at=row.at,
                action=AuditAction(row.action),
                actor=UserId(row.actor) if row.actor else None,
                actor_email=emails.get(row.actor) if row.actor else None,
                account=UserId(row.account) if row.account else None,
                account_email=emails.get(row.account) if row.account else None,
                address=row.address,
                target=row.target,
                detail=row.detail,
            )
            for row in rows
        )

    async def sweep(self) -> None:
        """Delete entries that are too old, and of each action those beyond its number."""
        before = self._clock.now() - timedelta(days=self._settings.audit_days)
        async with self._database.session() as session:
            actions = await audit_repository.actions(session)
        for action in actions:
            async with self._database.transaction() as session:
                await audit_repository.sweep(
                    session, action, before=before, kept=self._settings.audit_entries
                )

    async def run(self, stopping: asyncio.Event) -> None:
        """Sweep again and again until `stopping` is set."""
        while not stopping.is_set():
            try:
                await self.sweep()
            except (DatabaseUnavailable, SQLAlchemyError) as error:
                log.warning("old entries of the audit log stay for now: %s", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_EVERY):
                    await stopping.wait()
