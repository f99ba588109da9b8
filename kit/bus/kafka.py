"""The bus on Kafka; the only file that knows its client.

Settings and workarounds follow what was seen of this client: a group's consumer must poll often
and commit only what it still owns, a consumer can be stuck after a broker restart with nothing to
show for it, and an idempotent producer may stay broken after an outage. So consumers and readers
are watched and made anew, and so is the producer.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any

from aiokafka import (
    AIOKafkaConsumer,
    AIOKafkaProducer,
    ConsumerRebalanceListener,
    TopicPartition,
)
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from contracts.topics import DEAD_LETTERS, Topic
from kit.bus.base import AnyEvent, BusError, Handler, NotNow, Unreadable
from kit.bus.codec import Record, decode, encode
from kit.bus.delivery import deliver, pause
from kit.bus.letters import DeadLetter, letter_in, pack
from kit.bus.watch import KafkaTimes, Stalled, Watch

log = logging.getLogger(__name__)

BATCH = 20
"""Records that a group's member takes at a time."""
RECORD_BYTES = 262_144
EXISTS = 36
"""Kafka's code for a topic that is already there."""
REPLICAS = 3


class KafkaBus:
    """A bus on a Kafka cluster.

    Parameters
    ----------
    servers
        `host:port`, several divided by commas.
    times
        Bounds of waiting.
    """

    members = 1

    def __init__(self, servers: str, *, times: KafkaTimes | None = None) -> None:
        self.servers = servers
        self.times = times or KafkaTimes()
        self._producer: AIOKafkaProducer | None = None
        self._making = asyncio.Lock()
        self._discarded: set[asyncio.Task[None]] = set()
        self._closed = asyncio.Event()

    async def start(self) -> None:
        """Connect the producer; `BusError` where no broker answers."""
        self._closed.clear()
        await self._ready_producer()

    async def close(self) -> None:
        """Flush, disconnect, and end every reader."""
        self._closed.set()
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stop(producer, self.times.request)
        if self._discarded:
            await asyncio.gather(*self._discarded, return_exceptions=True)

    async def ready(self) -> bool:
        """Return whether the cluster answers."""
        if self._producer is None:
            return False
        try:
            async with asyncio.timeout(3):
                return bool(await self._producer.client.force_metadata_update())
        except (KafkaError, OSError, TimeoutError):
            return False

    async def ensure(self, topics: Iterable[Topic]) -> None:
        """Create the topics that do not exist, replicated as far as there are brokers."""
        wanted = tuple(topics)
        for number in range(5):
            try:
                async with asyncio.timeout(self.times.request):
                    failed = await self._create(wanted)
            except (KafkaError, OSError, TimeoutError) as error:
                failed = f"{type(error).__name__} {error}"
            if not failed:
                return
            await asyncio.sleep(0.2 * 2**number)
        raise BusError(f"topics could not be created on {self.servers}: {failed}")

    async def publish(self, topic: Topic, event: AnyEvent, *, key: str) -> None:
        """Send an event and return once the brokers have it."""
        await self.send(topic.name, encode(topic, event, key=key))

    async def send(self, name: str, record: Record) -> None:
        """Send a record as it is; a producer that is broken is replaced, once.

        Raises
        ------
        BusError
            It was not acknowledged in time.
        """
        for last in (False, True):
            producer = await self._ready_producer()
            try:
                async with asyncio.timeout(self.times.request + 5):
                    await producer.send_and_wait(
                        name, record.value, key=record.key, headers=list(record.headers)
                    )
                return
            except (KafkaError, OSError, TimeoutError) as error:
                if getattr(error, "retriable", False) and not isinstance(error, TimeoutError):
                    raise BusError(f"{name}: not acknowledged: {error!r}") from error
                self._discard(producer)
                if last or isinstance(error, TimeoutError):
                    raise BusError(f"{name}: not acknowledged: {error!r}") from error
                log.warning("the producer is broken and made anew: %r", error)

    def consumer(self, topic: Topic, *, group: str, handler: Handler) -> "KafkaConsumer":
        """Return a member of `group` that will hand events to `handler` when run."""
        return KafkaConsumer(self, topic, group=group, handler=handler)

    async def news(self, topic: Topic) -> AsyncIterator[AnyEvent | None]:
        """Yield what is published from now on, without a group.

        After a fault it goes on where it was; only a bus that is closed ends it.
        """
        positions: dict[int, int] = {}
        fresh, faults = True, 0
        while not self._closed.is_set():
            reader = AIOKafkaConsumer(**self.connection(), auto_offset_reset="latest")
            try:
                await _start(reader, self.times.request)
                await self._place(reader, topic, positions, fresh=fresh)
                fresh = False
                watch = Watch(reader, self.times)
                while not self._closed.is_set():
                    if set(reader.partitions_for_topic(topic.name) or ()) - set(positions):
                        break  # The topic has grown; the reader is placed on all of it.
                    batches = await watch.poll()
                    faults = 0
                    for place, records in batches.items():
                        for record in records:
                            positions[place.partition] = record.offset + 1
                            yield _event(topic, record)
            except (KafkaError, OSError, TimeoutError, BusError, Stalled) as error:
                faults += 1
                log.warning("news of %s: %r; the reader is made anew", topic.name, error)
                await pause(self._closed, self.backoff(faults))
            finally:
                await _stop(reader, 5.0)

    async def letters(self) -> AsyncIterator[DeadLetter]:
        """Yield the dead letters that there are now, oldest first in each partition."""
        reader = AIOKafkaConsumer(**self.connection())
        try:
            await _start(reader, self.times.request)
            places = await self.places(DEAD_LETTERS)
            reader.assign(places)
            async with asyncio.timeout(self.times.request):
                await reader.seek_to_beginning(*places)
                ends = await reader.end_offsets(places)
            for place, end in ends.items():
                while await reader.position(place) < end:
                    async with asyncio.timeout(self.times.request):
                        record = await reader.getone(place)
                    if letter := letter_in(record):
                        yield letter
        except (KafkaError, OSError, TimeoutError) as error:
            raise BusError(f"the dead letters cannot be read: {error!r}") from error
        finally:
            await _stop(reader, 5.0)

    async def _place(
        self, reader: AIOKafkaConsumer, topic: Topic, positions: dict[int, int], *, fresh: bool
    ) -> None:
        """Assign all partitions: from the end at first, later from where the reader was."""
        places = await self.places(topic)
        reader.assign(places)
        if fresh:
            async with asyncio.timeout(self.times.request):
                ends = await reader.end_offsets(places)
            positions.update({place.partition: end for place, end in ends.items()})
        for place in places:
            # A partition that was added while we read is new from its beginning.
            reader.seek(place, positions.setdefault(place.partition, 0))

    async def places(self, topic: Topic) -> list[TopicPartition]:
        """Return every partition of a topic."""
        producer = await self._ready_producer()
        async with asyncio.timeout(self.times.request):
            numbers = await producer.partitions_for(topic.name)
        return [TopicPartition(topic.name, number) for number in sorted(numbers)]

    async def _create(self, topics: tuple[Topic, ...]) -> str:
        """Try to create topics; return what went wrong."""
        admin = AIOKafkaAdminClient(
            bootstrap_servers=self.servers, request_timeout_ms=_ms(self.times.request)
        )
        try:
            await admin.start()
            brokers = len((await admin.describe_cluster())["brokers"])
            answer = await admin.create_topics([_new_topic(one, brokers) for one in topics])
        finally:
            await admin.close()
        return ", ".join(
            f"{name}: error {code}"
            for name, code, *_ in answer.topic_errors
            if code not in (0, EXISTS)
        )

    async def _ready_producer(self) -> AIOKafkaProducer:
        async with self._making:
            if self._closed.is_set():
                raise BusError("the bus is closed")
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self.servers,
                    enable_idempotence=True,
                    linger_ms=5,
                    retry_backoff_ms=300,
                    request_timeout_ms=_ms(self.times.request),
                    max_request_size=RECORD_BYTES,
                    metadata_max_age_ms=_ms(self.times.metadata),
                )
                try:
                    await _start(producer, self.times.request)
                except (KafkaError, OSError, TimeoutError) as error:
                    await _stop(producer, 5.0)
                    raise BusError(f"Kafka at {self.servers} does not answer: {error!r}") from error
                self._producer = producer
            return self._producer

    def _discard(self, producer: AIOKafkaProducer) -> None:
        """Stop using a producer; it is closed on the side, whatever state it is in."""
        if self._producer is producer:
            self._producer = None
            task = asyncio.create_task(_stop(producer, 5.0))
            self._discarded.add(task)
            task.add_done_callback(self._discarded.discard)

    def connection(self) -> dict[str, Any]:
        """Return the settings that every consumer has."""
        return {
            "bootstrap_servers": self.servers,
            "request_timeout_ms": _ms(self.times.request + 10),
            "retry_backoff_ms": 500,
            "metadata_max_age_ms": _ms(self.times.metadata),
            "enable_auto_commit": False,
        }

    def backoff(self, faults: int) -> float:
        """Return how long to wait after so many faults in a row."""
        return min(10.0, self.times.backoff * 2.0 ** min(faults - 1, 6))


class KafkaConsumer:
    """One member of a group on one topic."""

    def __init__(self, bus: KafkaBus, topic: Topic, *, group: str, handler: Handler) -> None:
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
            session = _Session(self._bus, self._topic, self._group, self._handler)
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

    async def _compare(self, session: "_Session") -> None:
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


class _Session(ConsumerRebalanceListener):  # type: ignore[misc]
    """The life of one client consumer in a group."""

    def __init__(self, bus: KafkaBus, topic: Topic, group: str, handler: Handler) -> None:
        self._bus = bus
        self._topic = topic
        self._group = group
        self._handler = handler
        self._handled: dict[TopicPartition, int] = {}
        self._rebalances = 0
        self._working = asyncio.Lock()
        times = bus.times
        self._client = AIOKafkaConsumer(
            **bus.connection(),
            group_id=group,
            auto_offset_reset="earliest",
            session_timeout_ms=_ms(times.session),
            heartbeat_interval_ms=_ms(times.heartbeat),
            max_poll_interval_ms=120_000,
            rebalance_timeout_ms=30_000,
            # The sticky assignor keeps its state on the class: never two of it in a process.
            partition_assignment_strategy=(RoundRobinPartitionAssignor,),
            isolation_level="read_uncommitted",
        )
        self._watch = Watch(self._client, times, records=BATCH)

    async def open(self) -> None:
        """Join the group."""
        self._client.subscribe([self._topic.name], listener=self)
        await _start(self._client, self._bus.times.request + self._bus.times.session)

    async def close(self) -> None:
        """Commit what was handled and leave the group."""
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(5):
                await self._commit()
        await _stop(self._client, 10.0)

    async def ends(self) -> dict[TopicPartition, int]:
        """Return where each partition of the topic ends now, those that hold nothing left out."""
        places = await self._bus.places(self._topic)
        async with asyncio.timeout(self._bus.times.request):
            ends: dict[TopicPartition, int] = await self._client.end_offsets(places)
            starts: dict[TopicPartition, int] = await self._client.beginning_offsets(places)
        return {place: end for place, end in ends.items() if end > starts[place]}

    async def reached(self, place: TopicPartition, end: int) -> bool:
        """Return whether the group has handled a partition up to an offset."""
        if self._handled.get(place, 0) >= end:
            return True
        return (await self._client.committed(place) or 0) >= end

    async def step(self, stopping: asyncio.Event) -> bool:
        """Poll once and handle what comes; return whether the client gave a sign of life."""
        batches = await self._watch.poll()
        rebalances, began = self._rebalances, time.monotonic()
        for place, records in batches.items():
            for record in records:
                late = time.monotonic() - began > self._bus.times.batch
                if stopping.is_set() or late or self._rebalances != rebalances:
                    # What was polled and not handled comes again: here, or where it is owned.
                    self._rewind(batches)
                    await self._commit()
                    return True
                if not await self._handle(place, record):
                    self._rewind(batches)
                    await self._commit()
                    await pause(stopping, 2.0)
                    return True
        await self._commit()
        return bool(batches) or self._watch.proven

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Commit what was handled before another member takes over."""
        self._rebalances += 1
        with contextlib.suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(20), self._working:
                await self._commit()
        self._handled.clear()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Positions are those the group has committed."""

    async def _handle(self, place: TopicPartition, message: Any) -> bool:
        """Deliver one record; return whether it is done with."""
        record = Record(message.key or b"", tuple(message.headers), message.value or b"")
        async with self._working:
            rebalances = self._rebalances
            try:
                reason = await deliver(self._topic, record, self._handler)
            except NotNow as error:
                log.warning("%s cannot work at present: %s", self._group, error)
                return False
            if reason:
                letter = DeadLetter(
                    *(place.topic, place.partition, message.offset, self._group, reason, record)
                )
                await self._bus.send(DEAD_LETTERS.name, pack(letter))
            if rebalances == self._rebalances:
                self._handled[place] = message.offset + 1
        return True

    def _rewind(self, batches: dict[TopicPartition, list[Any]]) -> None:
        """Put each partition that is still ours back to its first record not yet handled."""
        for place, records in batches.items():
            with contextlib.suppress(IllegalStateError):
                first = records[0].offset
                self._client.seek(place, max(first, self._handled.get(place, first)))

    async def _commit(self) -> None:
        """Commit what was handled and is still ours; the rest belongs to another now."""
        owned = self._client.assignment()
        offsets = {place: end for place, end in self._handled.items() if place in owned}
        if not offsets:
            return
        try:
            await self._client.commit(offsets)
        except (CommitFailedError, IllegalStateError) as error:
            log.info("%s: the group has moved on: %s", self._group, error)
            return
        for place, end in offsets.items():
            if self._handled.get(place) == end:
                del self._handled[place]


def _event(topic: Topic, record: Any) -> AnyEvent | None:
    try:
        return decode(topic, record.headers, record.value)
    except Unreadable as error:
        log.warning("unreadable news on %s: %s", topic.name, error)
        return None


def _new_topic(topic: Topic, brokers: int) -> NewTopic:
    replicas = max(1, min(REPLICAS, brokers))
    return NewTopic(
        topic.name,
        num_partitions=topic.partitions,
        replication_factor=replicas,
        topic_configs={
            "retention.ms": str(topic.retention_ms),
            "min.insync.replicas": str(min(topic.min_insync, replicas)),
            "max.message.bytes": str(RECORD_BYTES),
            "unclean.leader.election.enable": "false",
        },
    )


async def _start(client: AIOKafkaConsumer | AIOKafkaProducer, limit: float) -> None:
    """Connect a client; one that is given up is let come to an end, as it would leave a socket."""
    starting = asyncio.create_task(client.start())
    try:
        async with asyncio.timeout(limit):
            await asyncio.shield(starting)
    except BaseException:
        await asyncio.wait({starting}, timeout=3)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        raise


async def _stop(client: AIOKafkaConsumer | AIOKafkaProducer, limit: float) -> None:
    """Close a client, whatever state it is in."""
    # Closing cancels the client's own tasks; one that never ran would cancel us with it.
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(limit):
            await client.stop()
    except Exception as error:
        log.info("a Kafka client did not close in good order: %r", error)
        connections = client.client if isinstance(client, AIOKafkaProducer) else client._client
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2):
                await connections.close()


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
