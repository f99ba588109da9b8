"""The bodies of webhooks: CloudEvents 1.0 in the JSON event format."""

from datetime import datetime

from contracts.envelope import Event, dataschema
from contracts.ids import EventId, OwnerId
from contracts.webhooks import CHALLENGE, WebhookChallenge
from kit.bus.base import AnyEvent
from services.library.events.relay import event_of
from services.library.events.tables import EventRow
from services.library.webhooks.tables import WebhookRow


def event_body(row: EventRow) -> bytes:
    """Return the body that tells of an event. Raises `KeyError` for a type that is unknown."""
    return _json(event_of(row))


def challenge_body(row: WebhookRow, id_: str, challenge: str, time: datetime) -> bytes:
    """Return the body that asks an address to prove that it expects the events of a webhook.

    Parameters
    ----------
    id_
        Identifies the message.
    challenge
        What the answer must contain.
    time
        When it is sent.
    """
    event = Event[WebhookChallenge](
        id=EventId(id_),
        type=CHALLENGE,
        source="/library",
        subject=row.id,
        time=time,
        dataschema=dataschema(CHALLENGE),
        owner=OwnerId(row.owner),
        data=WebhookChallenge(challenge=challenge),
    )
    return _json(event)


def _json(event: AnyEvent) -> bytes:
    # An attribute without a value is left out: the JSON format has no empty attributes.
    empty = {"traceparent"} if not event.traceparent else set[str]()
    empty |= {name for name in ("owner", "sequence") if getattr(event, name) is None}
    return event.model_dump_json(exclude=empty).encode()
