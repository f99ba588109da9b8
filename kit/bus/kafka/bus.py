"""The bus on a Kafka cluster: producer, topics, and readers without a group.

aiokafka's idempotent producer can stay in a fatal state after an outage, so a failed producer is
replaced by a new one; readers are replaced likewise.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from contracts.topics import DEAD_LETTERS, Topic
from kit.bus.base import AnyEvent, BusError, DecodeError, Handler
from kit.bus.codec import decode, encode
from kit.bus.dead_letters import parse_dead_letter, parse_id
from kit.bus.delivery import pause
from kit.bus.kafka.clients import milliseconds, start_client, stop_client
from kit.bus.kafka.consumer import KafkaConsumer
from kit.bus.kafka.security import KafkaSecurity, refused_certificate
from kit.bus.records import DeadLetterRecord, Record
from kit.bus.watchdog import KafkaTimes, Stalled, Watch

log = logging.getLogger(__name__)

RECORD_BYTES = 262_144
"""`max.message.bytes` of topics, and the producer's largest request."""
EXISTS = 36
"""Kafka's error code TOPIC_ALREADY_EXISTS."""
REPLICAS = 3
"""Replicas of a topic, if the cluster has as many brokers."""


class KafkaBus:
    """A bus on a Kafka cluster.

    Parameters
    ----------
    servers
        Bootstrap servers, `host:port[,host:port]`.
    times
        Timeouts and pauses.
    security
        Encryption and credentials; by default neither.
    """

    members = 1

    def __init__(
        self,
        servers: str,
        *,
        times: KafkaTimes | None = None,
        security: KafkaSecurity | None = None,
    ) -> None:
        self.servers = servers
        self._security = (security or KafkaSecurity()).options()
        self.times = times or KafkaTimes()
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._discarded: set[asyncio.Task[None]] = set()
        self._closed = asyncio.Event()

    async def start(self) -> None:
        """Connect the producer. Raises `BusError` if no broker answers."""
        self._closed.clear()
        await self._ready_producer()

    async def close(self) -> None:
        """Flush, disconnect, and end every reader."""
        self._closed.set()
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_client(producer, self.times.request)
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
        """Create the topics that do not exist, with up to `REPLICAS` replicas each."""
        missing = tuple(topics)
        for number in range(5):
            try:
                async with asyncio.timeout(self.times.request):
                    failed = await self._create(missing)
            except (KafkaError, OSError, TimeoutError) as error:
                failed = f"{type(error).__name__} {error}"
            if not failed:
                return
            await asyncio.sleep(0.2 * 2**number)
        raise BusError(f"topics could not be created on {self.servers}: {failed}")

    async def publish(self, topic: Topic, event: AnyEvent, *, key: str) -> None:
        """Send an event and return once the brokers have acknowledged it. Raises `BusError`."""
        await self.send(topic.name, encode(topic, event, key=key))

    async def send(self, name: str, record: Record) -> None:
        """Send a record unchanged; retry once with a new producer if the current one has failed.

        Raises
        ------
        BusError
            The brokers did not acknowledge the record in time.
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
                    # The producer itself is fine: the caller retries with the same one.
                    raise BusError(f"{name}: not acknowledged: {error!r}") from error
                self._discard(producer)
                # A second timeout would keep the caller waiting twice as long as it allowed for.
                if last or isinstance(error, TimeoutError):
                    raise BusError(f"{name}: not acknowledged: {error!r}") from error
                log.warning("the producer failed and is replaced: %r", error)

    def consumer(self, topic: Topic, *, group: str, handler: Handler) -> KafkaConsumer:
        """Return a member of `group` that delivers events to `handler` when run."""
        return KafkaConsumer(self, topic, group=group, handler=handler)

    async def tail(self, topic: Topic) -> AsyncIterator[AnyEvent | None]:
        """Yield every event published from now on, without a group, until the bus is closed.

        After a fault a new reader continues at the old positions, so no event is lost.
        """
        positions: dict[int, int] = {}
        fresh, faults = True, 0
        while not self._closed.is_set():
            reader = AIOKafkaConsumer(**self.connection(), auto_offset_reset="latest")
            try:
                await start_client(reader, self.times.request)
                await self._place(reader, topic, positions, fresh=fresh)
                fresh = False
                watch = Watch(reader, self.times)
                while not self._closed.is_set():
                    if set(reader.partitions_for_topic(topic.name) or ()) - set(positions):
                        break  # The topic has more partitions now: assign all of them.
                    batches = await watch.poll()
                    faults = 0
                    for place, records in batches.items():
                        for record in records:
                            positions[place.partition] = record.offset + 1
                            yield _event(topic, record)
            except (KafkaError, OSError, TimeoutError, BusError, Stalled) as error:
                faults += 1
                log.warning("the reader of %s failed and is replaced: %r", topic.name, error)
                await pause(self._closed, self.backoff(faults))
            finally:
                await stop_client(reader, 5.0)

    async def dead_letters(
        self, ranges: Callable[[int, int, int], range] | None = None
    ) -> AsyncIterator[DeadLetterRecord]:
        """Yield the stored dead letters, oldest first within each partition. Raises `BusError`.

        Parameters
        ----------
        ranges
            Returns the offsets to read of a partition, by its number, first offset and end; by
            default all of them.
        """
        reader = AIOKafkaConsumer(**self.connection())
        try:
            await start_client(reader, self.times.request)
            places = await self.places(DEAD_LETTERS)
            reader.assign(places)
            async with asyncio.timeout(self.times.request):
                firsts = await reader.beginning_offsets(places)
                ends = await reader.end_offsets(places)
            for place in places:
                stored = range(firsts[place], ends[place])
                chosen = ranges(place.partition, stored.start, stored.stop) if ranges else stored
                if not chosen:
                    continue
                reader.seek(place, chosen.start)
                while await reader.position(place) < chosen.stop:
                    async with asyncio.timeout(self.times.request):
                        record = await reader.getone(place)
                    if dead_letter := parse_dead_letter(record):
                        yield dead_letter
        except (KafkaError, OSError, TimeoutError) as error:
            raise BusError(f"the dead letters cannot be read: {error!r}") from error
        finally:
            await stop_client(reader, 5.0)

    async def latest_dead_letters(self, limit: int) -> tuple[DeadLetterRecord, ...]:
        """Return the last `limit` stored dead letters of each partition. Raises `BusError`."""
        last = self.dead_letters(lambda _, first, end: range(max(first, end - limit), end))
        return tuple([dead_letter async for dead_letter in last])

    async def dead_letter(self, id_: str) -> DeadLetterRecord | None:
        """Return a stored dead letter by its id. Raises `BusError`."""
        if (place := parse_id(id_)) is None:
            return None
        partition, offset = place

        def only(number: int, first: int, end: int) -> range:
            stored = number == partition and first <= offset < end
            return range(offset, offset + 1) if stored else range(0)

        return next(iter([dead_letter async for dead_letter in self.dead_letters(only)]), None)

    async def _place(
        self, reader: AIOKafkaConsumer, topic: Topic, positions: dict[int, int], *, fresh: bool
    ) -> None:
        """Assign all partitions and seek, the first time to the end, later to `positions`."""
        places = await self.places(topic)
        reader.assign(places)
        if fresh:
            async with asyncio.timeout(self.times.request):
                ends = await reader.end_offsets(places)
            positions.update({place.partition: end for place, end in ends.items()})
        for place in places:
            # Every record of a partition that was added later was published after we began.
            reader.seek(place, positions.setdefault(place.partition, 0))

    async def places(self, topic: Topic) -> list[TopicPartition]:
        """Return every partition of a topic."""
        producer = await self._ready_producer()
        async with asyncio.timeout(self.times.request):
            numbers = await producer.partitions_for(topic.name)
        return [TopicPartition(topic.name, number) for number in sorted(numbers)]

    async def _create(self, topics: tuple[Topic, ...]) -> str:
        """Try to create topics; return the errors as text, empty if there were none."""
        admin = AIOKafkaAdminClient(
            bootstrap_servers=self.servers,
            request_timeout_ms=milliseconds(self.times.request),
            **self._security,
        )
        try:
            await admin.start()
            # A user that may not create topics can start, as long as they all exist.
            existing = set(await admin.list_topics())
            missing = [topic for topic in topics if topic.name not in existing]
            if not missing:
                return ""
            brokers = len((await admin.describe_cluster())["brokers"])
            answer = await admin.create_topics([_new_topic(topic, brokers) for topic in missing])
        finally:
            await admin.close()
        return ", ".join(
            f"{name}: error {code}"
            for name, code, *_ in answer.topic_errors
            if code not in (0, EXISTS)
        )

    async def _ready_producer(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._closed.is_set():
                raise BusError("the bus is closed")
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self.servers,
                    enable_idempotence=True,
                    linger_ms=5,
                    retry_backoff_ms=300,
                    request_timeout_ms=milliseconds(self.times.request),
                    max_request_size=RECORD_BYTES,
                    metadata_max_age_ms=milliseconds(self.times.metadata),
                    **self._security,
                )
                try:
                    await start_client(producer, self.times.request)
                except (KafkaError, OSError, TimeoutError) as error:
                    await stop_client(producer, 5.0)
                    context = self._security.get("ssl_context")
                    refused = await refused_certificate(self.servers, context)
                    why = refused or f"Kafka at {self.servers} does not answer: {error!r}"
                    raise BusError(why) from error
                self._producer = producer
            return self._producer

    def _discard(self, producer: AIOKafkaProducer) -> None:
        """Drop a failed producer; close it in the background, because that may take seconds."""
        if self._producer is producer:
            self._producer = None
            task = asyncio.create_task(stop_client(producer, 5.0))
            self._discarded.add(task)
            task.add_done_callback(self._discarded.discard)

    def connection(self) -> dict[str, Any]:
        """Return the client settings common to all consumers."""
        return {
            "bootstrap_servers": self.servers,
            "request_timeout_ms": milliseconds(self.times.request + 10),
            "retry_backoff_ms": 500,
            "metadata_max_age_ms": milliseconds(self.times.metadata),
            "enable_auto_commit": False,
            **self._security,
        }

    def backoff(self, faults: int) -> float:
        """Return the seconds to wait after so many consecutive faults: exponential, up to 10."""
        return min(10.0, self.times.backoff * 2.0 ** min(faults - 1, 6))


def _event(topic: Topic, record: Any) -> AnyEvent | None:
    try:
        return decode(topic, record.headers, record.value)
    except DecodeError as error:
        log.warning("record on %s cannot be decoded: %s", topic.name, error)
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
