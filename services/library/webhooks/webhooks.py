"""Webhooks: created, changed, given another secret, deleted, and sent events again."""

from datetime import datetime, timedelta

from sqlalchemy import BigInteger, func, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.problems import FieldProblem, ProblemCode
from contracts.topics import LIBRARY_EVENTS
from contracts.webhooks import (
    MAX_REPLAYED,
    DeliveryState,
    WebhookCreate,
    WebhookEdit,
    WebhookReplay,
    WebhookReplayed,
    WebhookState,
)
from kit.auth.encryption import StoredSecrets
from kit.clock import new_id
from kit.database.engine import database_of
from kit.database.notifications import notify_on_commit
from kit.http.errors import ProblemError, not_found
from services.library.access import Action
from services.library.events.feed import Position, position_of
from services.library.events.tables import EventRow
from services.library.jobs.locks import hold_owner
from services.library.webhooks.queueing import DELIVERIES, delivery_rows, insert_deliveries
from services.library.webhooks.repository import Webhooks
from services.library.webhooks.signatures import new_secret
from services.library.webhooks.tables import WebhookDeliveryRow, WebhookRow

ROTATION = timedelta(hours=24)
"""How long the secret before the last one signs too."""
_DISABLED_BY_OWNER = "It was disabled by its owner. Test it to make it active again."
_CHUNK = 200
"""Events whose deliveries one statement resets."""


async def create_webhook(
    repository: Webhooks, request: WebhookCreate, secrets: StoredSecrets, *, max_webhooks: int
) -> WebhookRow:
    """Create a webhook, which gets nothing before its address has passed a test.

    Raises
    ------
    ProblemError
    """
    session, owner = repository.session, repository.owner
    await hold_owner(session, owner)
    count = select(func.count()).where(col(WebhookRow.owner) == owner, ~col(WebhookRow.deleted))
    if (await session.execute(count)).scalar_one() >= max_webhooks:
        raise ProblemError(
            ProblemCode.CONFLICT,
            f"You have {max_webhooks} webhooks, which is the maximum; delete one first.",
        )
    now = await database_of(session).time(session)
    row = WebhookRow(
        id=new_id(),
        owner=owner,
        url=request.url,
        event_types=list(request.event_types),
        description=request.description,
        state=WebhookState.UNVERIFIED.value,
        secret=secrets.encrypt(new_secret()),
        paced=now,
        created=now,
        updated=now,
    )
    session.add(row)
    await session.flush()
    return row


async def edit_webhook(repository: Webhooks, row: WebhookRow, edit: WebhookEdit) -> None:
    """Change a locked webhook; absent fields stay as they are."""
    if edit.url is not None and edit.url != row.url:
        row.url = edit.url
        row.state, row.reason = WebhookState.UNVERIFIED.value, None
        row.failing_since = None
    if edit.event_types is not None:
        row.event_types = list(edit.event_types)
    if edit.description is not None:
        row.description = edit.description
    if edit.state is not None:
        row.state, row.reason = edit.state.value, _DISABLED_BY_OWNER
    row.updated = await database_of(repository.session).time(repository.session)
    await repository.session.flush()


async def delete_webhook(repository: Webhooks, row: WebhookRow) -> None:
    """Delete a locked webhook: it is not seen from now on, and the background work removes it."""
    row.deleted, row.state = True, WebhookState.DISABLED.value
    await repository.session.flush()


async def rotate_secret(repository: Webhooks, id_: str, secrets: StoredSecrets) -> WebhookRow:
    """Give a webhook another secret; the one before it signs too for 24 hours.

    Raises
    ------
    ProblemError
    """
    session = repository.session
    row = await repository.get(id_, Action.WRITE, hold=True)
    row.updated = await database_of(session).time(session)
    row.previous_secret, row.previous_until = row.secret, row.updated + ROTATION
    row.secret = secrets.encrypt(new_secret())
    await session.flush()
    return row


def webhook_secrets(secret: str) -> StoredSecrets:
    """Return what encrypts the secrets of webhooks, with a key derived from the server's own."""
    return StoredSecrets(secret, purpose="webhooks")


async def encrypt_secrets_again(session: AsyncSession, old: str, new: str) -> None:
    """Encrypt the secrets of all webhooks with another secret of the server."""
    before, after = webhook_secrets(old), webhook_secrets(new)
    for row in await session.scalars(select(WebhookRow)):
        row.secret = after.encrypt(before.decrypt(row.secret))
        if row.previous_secret is not None:
            row.previous_secret = after.encrypt(before.decrypt(row.previous_secret))


def reveal_secret(row: WebhookRow, secrets: StoredSecrets) -> str:
    """Return the secret of a webhook. Raises `ProblemError`."""
    try:
        return secrets.decrypt(row.secret)
    except ValueError:
        raise ProblemError(
            ProblemCode.WRONG_STATE,
            "The server's own secret changed, and this webhook's secret can no longer be read. "
            "Give the webhook another secret: POST /v1/webhooks/{webhook}/secret.",
        ) from None


async def replay_events(
    repository: Webhooks, id_: str, request: WebhookReplay, *, retention: timedelta
) -> WebhookReplayed:
    """Send events to an active webhook again, or those that it missed.

    Raises
    ------
    ProblemError
    """
    session = repository.session
    row = await repository.get(id_, Action.WRITE, hold=True)
    if row.state != WebhookState.ACTIVE:
        raise ProblemError(
            ProblemCode.WRONG_STATE,
            "This webhook is not active. Test it first: POST /v1/webhooks/{webhook}/test.",
        )
    if request.since is None:
        events, following = await _events_by_id(session, row, request), None
    else:
        events, following = await _events_since(session, row, request, request.since, retention)
    await _send_again(session, row, events)
    return WebhookReplayed(count=len(events), next=following)


async def _events_by_id(
    session: AsyncSession, row: WebhookRow, request: WebhookReplay
) -> list[EventRow]:
    query = select(EventRow).where(
        col(EventRow.id).in_(request.events),
        col(EventRow.owner) == row.owner,
        col(EventRow.topic) == LIBRARY_EVENTS.name,
    )
    events = list(await session.scalars(query))
    if len(events) < len(set(request.events)):
        raise not_found()
    return events


async def _events_since(
    session: AsyncSession,
    row: WebhookRow,
    request: WebhookReplay,
    since: datetime,
    retention: timedelta,
) -> tuple[list[EventRow], str | None]:
    """Return the first events of a time, and the cursor of the further ones."""
    now = await database_of(session).time(session)
    if since < now - retention:
        raise ProblemError(
            ProblemCode.GONE,
            f"Events are kept for {retention.days} days. Send a later `since`.",
        )
    query = (
        select(EventRow)
        .where(
            col(EventRow.owner) == row.owner,
            col(EventRow.topic) == LIBRARY_EVENTS.name,
            col(EventRow.time) >= since,
            # What is not published yet is queued when it is.
            col(EventRow.published).is_not(None),
        )
        .order_by(col(EventRow.xid), col(EventRow.seq))
        .limit(MAX_REPLAYED + 1)
    )
    if request.cursor is not None:
        after = _position(request.cursor)
        query = query.where(
            tuple_(col(EventRow.xid), col(EventRow.seq))
            > tuple_(literal(after.xid, BigInteger), literal(after.seq, BigInteger))
        )
    if row.event_types:
        query = query.where(col(EventRow.type).in_(row.event_types))
    if request.until is not None:
        query = query.where(col(EventRow.time) < request.until)
    events = list(await session.scalars(query))
    if len(events) <= MAX_REPLAYED:
        return events, None
    return events[:MAX_REPLAYED], position_of(events[MAX_REPLAYED - 1]).text()


def _position(cursor: str) -> Position:
    try:
        return Position.parse(cursor)
    except ValueError:
        text = "Invalid cursor: send `next` of the last answer."
        raise ProblemError(
            ProblemCode.INVALID_REQUEST,
            text,
            fields=(FieldProblem(field="body.cursor", message=text),),
        ) from None


async def _send_again(session: AsyncSession, row: WebhookRow, events: list[EventRow]) -> None:
    database = database_of(session)
    for start in range(0, len(events), _CHUNK):
        chunk = events[start : start + _CHUNK]
        again = (
            update(WebhookDeliveryRow)
            .where(
                tuple_(col(WebhookDeliveryRow.webhook), col(WebhookDeliveryRow.event)).in_(
                    [(row.id, event.id) for event in chunk]
                ),
                # One that is being sent is sent already.
                col(WebhookDeliveryRow.state) != DeliveryState.SENDING.value,
            )
            .values(state=DeliveryState.WAITING.value, attempts=0, due=database.now(), reason=None)
            .execution_options(synchronize_session=False)
        )
        await session.execute(again)
        await insert_deliveries(session, delivery_rows(row, chunk))
    notify_on_commit(session, DELIVERIES)
