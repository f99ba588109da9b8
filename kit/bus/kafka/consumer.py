"""A group member on Kafka that replaces its client after every fault, and when the client stalls.

A member consumes through one `Session` after another. A session never outlives an error: aiokafka
gives no way to tell whether a client that raised is still usable, and a new one costs only a
rebalance. Nothing is lost with it, because the group's committed offsets are the only state; a
record that was handled but not yet committed is delivered again (at-least-once), and handlers drop
duplicates by the event's id.
"""

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from contracts.topics import Topic
from kit.bus.base import BusError, Handler
from kit.bus.delivery import pause
from kit.bus.kafka.session import Session
from kit.bus.watchdog import Stalled

if TYPE_CHECKING:
    from kit.bus.kafka.bus import KafkaBus

log = logging.getLogger(__name__)


class KafkaConsumer:
    """One member of a group on one topic."""

    def __init__(self, bus: "KafkaBus", topic: Topic, *, group: str, handler: Handler) -> None:
        self.caught_up = asyncio.Event()
        self._bus = bus
        self._topic = topic
        self._group = group
        self._handler = handler
        self._ends: dict[TopicPartition, int] | None = None
        self._compared = 0.0

    async def run(self, stopping: asyncio.Event) -> None:
        """Deliver each event to the handler and commit, until `stopping` is set.

        Raises
        ------
        BusError
            Three consumers in a row stalled: only a new process can help.
        """
        faults = stalls = 0
        while not stopping.is_set():
            session = Session(self._bus, self._topic, self._group, self._handler)
            try:
                await session.open()
                if self._ends is None:
                    # Taken once: `caught_up` means what the topic held when the member started,
                    # whatever is published or however often the client is replaced meanwhile.
                    self._ends = await session.ends()
                while not stopping.is_set():
                    if await session.step(stopping):
                        # Only a poll that proves the client alive resets the counts: an idle poll
                        # looks the same as that of a stalled client.
                        faults = stalls = 0
                    if not self.caught_up.is_set():
                        await self._compare(session)
            except (KafkaError, OSError, TimeoutError, BusError, Stalled) as error:
                faults += 1
                stalls += isinstance(error, Stalled)
                log.warning("%s on %s: consumer replaced: %r", self._group, self._topic.name, error)
                if stalls >= 3:
                    raise BusError(f"{self._group} stalls on {self._topic.name}") from error
                await pause(stopping, self._bus.backoff(faults))
            finally:
                # Also on cancellation: a member that does not leave keeps its partitions until the
                # broker's session timeout, and nobody reads them until then.
                await session.close()

    async def _compare(self, session: Session) -> None:
        """Set `caught_up` once the group has passed the end offsets taken at the start."""
        # `reached` may ask the broker, so check at most twice a second.
        if time.monotonic() < self._compared + 0.5:
            return
        self._compared = time.monotonic()
        for place, end in list((self._ends or {}).items()):
            if await session.reached(place, end):
                del (self._ends or {})[place]
            else:
                return
        self.caught_up.set()
