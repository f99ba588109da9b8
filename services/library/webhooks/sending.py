"""Send queued events to webhooks, in the background.

Every library of a server sends; none leads, which would take one more connection of the pool. A
library claims events of a webhook under the lock of its row: it notes how long they are its own,
after which another one may take them over, so an event may be sent twice but none is lost. All that
is sent at a time is bounded, by webhook and in total, and a webhook that fails gets one attempt at
a time and never more than half of all, so that it does not delay others.
"""

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, case, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.music import Seconds
from contracts.webhooks import DeliveryState, WebhookState
from kit.auth.encryption import StoredSecrets
from kit.clock import Clock
from kit.database.base import DatabaseUnavailable
from kit.database.engine import Database, database_of
from kit.database.notifications import notify_on_commit
from services.library.background import follow, until
from services.library.events.tables import EventRow
from services.library.webhooks.client import PostFailed, WebhookClient
from services.library.webhooks.messages import event_body
from services.library.webhooks.outcomes import DeliveryOutcome, answered, apply_outcome
from services.library.webhooks.queueing import DELIVERIES
from services.library.webhooks.signatures import signed_headers
from services.library.webhooks.tables import WebhookDeliveryRow, WebhookRow

log = logging.getLogger(__name__)

AT_ONCE = 64
"""Attempts of one library at the same time."""
PER_WEBHOOK = 4
"""Attempts of one webhook at the same time; one while it fails."""
WEBHOOKS = 16
"""Webhooks of which one transaction claims events."""
RATE = 20
"""Events of one webhook per second, on average."""
BURST = timedelta(seconds=1)
"""How much of its rate a webhook may use in advance."""
LEASE = timedelta(seconds=60)
"""How long a claimed event belongs to its library: several times the timeout of an attempt."""
MAX_BODY = 20_000
"""Bytes of a body (S20)."""
POLL: Seconds = 1.0
_UNREADABLE = (
    "The server's own secret changed, and this webhook's secret can no longer be read. "
    "Give the webhook another secret, then test it."
)
_FORGOTTEN = "The event is no longer kept."
_TOO_LARGE = f"The event takes more than {MAX_BODY:,} bytes. Read it from the feed."


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAttempt:
    """An event that this library sends now."""

    webhook: str
    delivery: str
    attempts: int
    """Attempts before this one."""
    event: str
    url: str
    body: bytes
    secrets: tuple[str, ...]


class WebhookSender:
    """Sends queued events."""

    def __init__(
        self, database: Database, client: WebhookClient, secrets: StoredSecrets, *, clock: Clock
    ) -> None:
        self._database = database
        self._client = client
        self._secrets = secrets
        self._clock = clock
        self._failing: set[asyncio.Task[None]] = set()
        """Attempts of webhooks that fail."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Send until `stopping` is set; what is cut off is sent again later."""
        try:
            await until(
                stopping, follow(self._database, "webhooks", DELIVERIES, self.act, poll=POLL)
            )
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def act(self) -> bool:
        """Start attempts; return whether some were started, so that there may be more to start."""
        attempts = await self.claim(AT_ONCE - len(self._tasks))
        for failing, attempt in attempts:
            task = asyncio.create_task(self._send(attempt))
            self._tasks.add(task)
            if failing:
                self._failing.add(task)
            task.add_done_callback(self._ended)
        return bool(attempts)

    async def send_due(self) -> int:
        """Send what is due now, and return how many events that were."""
        attempts = [attempt for _, attempt in await self.claim(AT_ONCE)]
        await asyncio.gather(*map(self._send, attempts))
        return len(attempts)

    async def claim(self, limit: int) -> list[tuple[bool, DeliveryAttempt]]:
        """Claim events that are due; return each with whether its webhook fails."""
        if limit <= 0:
            return []
        failing = len(self._failing) < AT_ONCE // 2
        async with self._database.session() as session:
            if (await session.execute(_ready(self._database, failing).limit(1))).first() is None:
                return []
        claimed: list[tuple[bool, DeliveryAttempt]] = []
        query = _ready(self._database, failing).limit(WEBHOOKS)
        query = query.with_for_update(of=WebhookRow, key_share=True, skip_locked=True)
        async with self._database.transaction() as session:
            now = await self._database.time(session)
            for row, sending in (await session.execute(query)).all():
                fails = row.failing_since is not None
                room = min(1 if fails else PER_WEBHOOK - sending, limit - len(claimed))
                if room > 0:
                    claimed += [(fails, each) for each in await self._take(session, row, room, now)]
        return claimed

    async def _take(
        self, session: AsyncSession, row: WebhookRow, room: int, now: datetime
    ) -> list[DeliveryAttempt]:
        """Claim events of a locked webhook."""
        secrets = self._secrets_of(row, now)
        if secrets is None:
            row.state, row.reason = WebhookState.DISABLED.value, _UNREADABLE
            return []
        delivery = WebhookDeliveryRow
        query = (
            select(delivery, EventRow)
            .outerjoin(EventRow, col(EventRow.id) == col(delivery.event))
            .where(col(delivery.webhook) == row.id, col(delivery.due) <= now)
            .order_by(col(delivery.due), col(delivery.id))
            .limit(room)
        )
        taken = []
        for due, event in (await session.execute(query)).all():
            body, reason = _body(event)
            if body is None:
                due.state, due.due, due.reason = DeliveryState.FAILED.value, None, reason
                continue
            due.state, due.due = DeliveryState.SENDING.value, now + LEASE
            taken.append(
                DeliveryAttempt(
                    webhook=row.id,
                    delivery=due.id,
                    attempts=due.attempts,
                    event=due.event,
                    url=row.url,
                    body=body,
                    secrets=secrets,
                )
            )
        row.paced = max(row.paced, now) + timedelta(seconds=len(taken) / RATE)
        return taken

    def _secrets_of(self, row: WebhookRow, now: datetime) -> tuple[str, ...] | None:
        """Return the secrets that sign; `None` if they were encrypted with another secret."""
        try:
            secrets = [self._secrets.decrypt(row.secret)]
            if row.previous_secret and row.previous_until and row.previous_until > now:
                secrets.append(self._secrets.decrypt(row.previous_secret))
        except ValueError:
            return None
        return tuple(secrets)

    async def _send(self, attempt: DeliveryAttempt) -> None:
        """Make an attempt and write down what became of it."""
        headers = signed_headers(
            attempt.event, attempt.body, secrets=attempt.secrets, time=self._clock.now()
        )
        started = time.monotonic()
        try:
            answer = await self._client.post(attempt.url, attempt.body, headers)
            outcome = answered(answer, time.monotonic() - started)
        except PostFailed as error:
            outcome = DeliveryOutcome(
                answer=None, duration=time.monotonic() - started, reason=str(error)
            )
        try:
            await self._record(attempt, outcome)
        except (DatabaseUnavailable, SQLAlchemyError) as error:
            # It is sent again when the claim has run out.
            log.warning("an attempt of webhook %s is not recorded: %s", attempt.webhook, error)

    async def _record(self, attempt: DeliveryAttempt, outcome: DeliveryOutcome) -> None:
        async with self._database.transaction() as session:
            # The webhook first, as where it is deleted.
            webhook = await session.get(
                WebhookRow, attempt.webhook, with_for_update={"key_share": True}
            )
            delivery = await session.get(
                WebhookDeliveryRow, attempt.delivery, with_for_update={"key_share": True}
            )
            if webhook is None or delivery is None:
                return
            if (delivery.state, delivery.attempts) != (DeliveryState.SENDING, attempt.attempts):
                return  # Another library took it over and was faster.
            now = await database_of(session).time(session)
            apply_outcome(webhook, delivery, outcome, now)
            notify_on_commit(session, DELIVERIES)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._failing.discard(task)
        self._database.listen(DELIVERIES).set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an attempt of a webhook failed", exc_info=error)


def _ready(database: Database, failing: bool) -> Select[Any]:
    """Return a query of webhooks with events that may be sent now, and how many are being sent."""
    now = database.now()
    delivery = WebhookDeliveryRow
    of_webhook = col(delivery.webhook) == col(WebhookRow.id)
    is_sent = and_(
        col(delivery.state) == DeliveryState.SENDING.value,
        col(delivery.due) > now,
        # Of those that wait for a later attempt, few are read.
        col(delivery.due) <= database.now(offset=LEASE),
    )
    sending = (
        select(func.count())
        .select_from(delivery)
        .where(of_webhook, is_sent)
        .correlate(WebhookRow)
        .scalar_subquery()
    )
    due = select(col(delivery.id)).where(of_webhook, col(delivery.due) <= now).exists()
    fails = col(WebhookRow.failing_since).is_not(None)
    query = (
        select(WebhookRow, sending)
        .where(
            col(WebhookRow.state) == WebhookState.ACTIVE.value,
            col(WebhookRow.paced) <= database.now(offset=BURST),
            due,
            sending < case((fails, 1), else_=PER_WEBHOOK),
        )
        # Those that work come first; of these the one that has waited longest.
        .order_by(case((fails, 1), else_=0), col(WebhookRow.paced), col(WebhookRow.id))
    )
    return query if failing else query.where(~fails)


def _body(event: EventRow | None) -> tuple[bytes | None, str | None]:
    """Return the body of an event, or why there is none."""
    if event is None:
        return None, _FORGOTTEN
    body = event_body(event)
    return (body, None) if len(body) <= MAX_BODY else (None, _TOO_LARGE)
