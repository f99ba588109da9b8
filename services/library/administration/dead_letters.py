"""Dead letters: list the latest ones, and send one back to the topic that it came from."""

from operator import attrgetter

from contracts.admin import DeadLetter
from contracts.problems import ProblemCode
from kit.bus.base import Bus, BusError
from kit.bus.codec import PREFIX
from kit.bus.records import DeadLetterRecord
from kit.http.errors import ProblemError, not_found

MAX_SHOWN = 200
"""Dead letters that are shown at most."""


async def list_dead_letters(bus: Bus) -> tuple[DeadLetter, ...]:
    """Return the latest dead letters, those of the newest events first.

    Raises
    ------
    ProblemError
        The bus does not answer.
    """
    try:
        stored = await bus.latest_dead_letters(MAX_SHOWN)
    except BusError:
        raise _unavailable() from None
    # Ids of events grow with time.
    shown = sorted(map(_shown, stored), key=attrgetter("event_id"), reverse=True)
    return tuple(shown[:MAX_SHOWN])


async def replay_dead_letter(bus: Bus, id_: str) -> DeadLetter:
    """Send a dead letter back to its topic; consumers drop an event that they have handled.

    Raises
    ------
    ProblemError
        It does not exist, it is a note to operators, or the bus does not answer.
    """
    try:
        stored = await bus.dead_letter(id_)
        if stored is None:
            raise not_found()
        if not stored.replayable:
            raise ProblemError(
                ProblemCode.WRONG_STATE,
                "This is a note to operators, which no consumer handles, so there is nothing to "
                "replay.",
            )
        await bus.send(stored.topic, stored.record)
    except BusError:
        raise _unavailable() from None
    return _shown(stored)


def _unavailable() -> ProblemError:
    return ProblemError(
        ProblemCode.UNAVAILABLE,
        "The bus does not answer; try again in a moment.",
        retry_after=5,
    )


def _shown(stored: DeadLetterRecord) -> DeadLetter:
    headers = dict(stored.record.headers)

    def attribute(name: str) -> str:
        return headers.get(f"{PREFIX}{name}", b"").decode(errors="replace")[:200]

    return DeadLetter(
        id=stored.id,
        topic=stored.topic,
        partition=stored.partition,
        offset=stored.offset,
        group=stored.group,
        reason=stored.reason,
        event_type=attribute("type"),
        event_id=attribute("id"),
        replayable=stored.replayable,
    )
