"""One member of a group on Kafka: it is made anew after every fault, and when it is stuck."""

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
        self._asked = 0.0

    async def run(self, stopping: asyncio.Event) -> None:
        """Hand each event to the handler and commit, until `stopping` is set.

        Raises
        ------
        BusError
            A third new consumer in a row was stuck: only a new process can help.
        """
        faults = stalls = 0
        while not stopping.is_set():
            session = Session(self._bus, self._topic, self._group, self._handler)
            try:
                await session.open()
                if self._ends is None:
                    self._ends = await session.ends()
                while not stopping.is_set():
                    if await session.step(stopping):
                        faults = stalls = 0
                    if not self.caught_up.is_set():
                        await self._compare(session)
            except (KafkaError, OSError, TimeoutError, BusError, Stalled) as error:
                faults += 1
                stalls += isinstance(error, Stalled)
                log.warning("%s on %s: %r; made anew", self._group, self._topic.name, error)
                if stalls >= 3:
                    raise BusError(f"{self._group} is stuck on {self._topic.name}") from error
                await pause(stopping, self._bus.backoff(faults))
            finally:
                await session.close()

    async def _compare(self, session: Session) -> None:
        """Set `caught_up` once the group is past what the topic held at the start."""
        if time.monotonic() < self._asked + 0.5:
            return
        self._asked = time.monotonic()
        for place, end in list((self._ends or {}).items()):
            if await session.reached(place, end):
                del (self._ends or {})[place]
            else:
                return
        self.caught_up.set()
