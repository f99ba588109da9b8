"""Live streams: read the library's feed whenever the bus announces an event (R24).

A stream sends the events of the feed after a cursor, in the feed's order, so it resumes at any
gateway without gaps or duplicates. Progress of running jobs comes directly from the bus, without an
id. Only the latest progress of each job is buffered: a stream reads the feed no faster than its
reader consumes it.
"""

import asyncio
import json
import logging
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from contracts.events import Feed, FeedEntry
from contracts.identity import Principal
from contracts.jobs import JobProgressed
from contracts.music import Seconds
from contracts.problems import ProblemCode
from contracts.subjects import Subject
from contracts.topics import JOBS_PROGRESS, LIBRARY_EVENTS, Topic
from gateway.authenticator import Authenticator
from gateway.settings import GatewaySettings
from gateway.upstream import Upstream
from kit.bus.base import AnyEvent, Bus, BusError
from kit.clock import Clock
from kit.database.base import DatabaseUnavailable
from kit.http.errors import ProblemError

log = logging.getLogger(__name__)

PAGE_SIZE = 200
"""Entries per page of the feed."""
FEED_DELAY: Seconds = 5.0
"""How long to look for an event in the feed after the bus delivered it."""
FIRST_PAUSE: Seconds = 0.05
"""Pause before the second look for such an event; it doubles with each look without a result."""
MAX_PAUSE: Seconds = 1.0
EVENT_PAUSE: Seconds = 0.25
"""Pause if another event arrives meanwhile, which may be in the feed before the older one is."""
RECONNECT_PAUSE: Seconds = 1.0
"""Pause while the library or the bus is unavailable."""
MAX_JOBS = 1_000
"""Maximum number of running jobs whose latest progress a stream buffers."""
MAX_SHOWN = 2_000
"""Sent events that a stream remembers, because the bus may deliver them later or twice."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Selects events of an owner by subject, job and run."""

    subject: Subject | None = None
    job: str | None = None
    run: str | None = None

    def matches(self, entry: FeedEntry | JobProgressed) -> bool:
        """Return whether the filter selects an event."""
        pairs = ((self.subject, entry.subject), (self.job, entry.job), (self.run, entry.run))
        return all(expected in (None, actual) for expected, actual in pairs)


@dataclass(slots=True, eq=False)
class Stream:
    """The state of one live connection."""

    who: Principal
    filter: Filter
    bound: int
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    overrun: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when too many events wait for a slow reader."""
    progress: OrderedDict[str, JobProgressed] = field(default_factory=OrderedDict)
    expected: dict[str, float] = field(default_factory=dict)
    """Events from the bus that the feed has not shown yet, each with the time to stop looking."""
    shown: OrderedDict[str, None] = field(default_factory=OrderedDict)
    pause: Seconds = 0.0
    """Pause before the next look; more than 0 while looks have no result."""
    halt: bool = False
    """Whether to stop waiting and check at once whether the stream must end."""
    behind: int = 0
    """Events since the reader last caught up."""

    def receive(self, event: AnyEvent, until: float) -> None:
        """Record an event from the bus and wake the stream."""
        if isinstance(event.data, JobProgressed):
            progress = event.data
            if self.filter.matches(progress):
                self.progress[progress.job] = progress
                self.progress.move_to_end(progress.job)
                if len(self.progress) > MAX_JOBS:
                    self.progress.popitem(last=False)
        elif event.id not in self.shown:
            self.behind += 1
            self.expected[event.id] = until
        if self.behind > self.bound:
            self.overrun.set()
        self.wake.set()

    def show(self, entry: FeedEntry) -> bool:
        """Record an entry of the feed, and return whether the filter selects it."""
        self.expected.pop(entry.id, None)
        self.shown[entry.id] = None
        if len(self.shown) > MAX_SHOWN:
            self.shown.popitem(last=False)
        return self.filter.matches(entry)


class Live:
    """The live streams of one gateway."""

    def __init__(
        self,
        bus: Bus,
        *,
        upstream: Upstream,
        authenticator: Authenticator,
        settings: GatewaySettings,
        clock: Clock,
    ) -> None:
        self._bus = bus
        self._upstream = upstream
        self._authenticator = authenticator
        self._settings = settings
        self._clock = clock
        self._streams: defaultdict[str, set[Stream]] = defaultdict(set)
        self._stopping = False
        authenticator.on_revoked(self._halt)

    @property
    def open_streams(self) -> int:
        """How many streams are open."""
        return sum(map(len, self._streams.values()))

    async def run(self, stopping: asyncio.Event) -> None:
        """Read the bus until `stopping` is set, then close every stream."""
        readers = [
            asyncio.create_task(self._read(topic)) for topic in (LIBRARY_EVENTS, JOBS_PROGRESS)
        ]
        try:
            await stopping.wait()
        finally:
            self._stopping = True
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
            for owner in self._streams:
                self._halt(owner)

    def _halt(self, owner: str) -> None:
        """Make an account's streams check at once whether they must end."""
        for stream in self._streams.get(owner, ()):
            stream.halt = True
            stream.wake.set()

    async def _read(self, topic: Topic) -> None:
        while True:
            try:
                async for event in self._bus.tail(topic):
                    if event is None or event.owner is None:
                        continue
                    until = self._clock.monotonic() + FEED_DELAY
                    for stream in self._streams.get(event.owner, ()):
                        stream.receive(event, until)
            except BusError as error:
                log.warning("live events wait for the bus: %s", error)
            await asyncio.sleep(RECONNECT_PAUSE)
            self._wake_all()

    def _wake_all(self) -> None:
        """Wake every stream to read the feed, because events on the bus may have been missed."""
        for streams in self._streams.values():
            for stream in streams:
                stream.wake.set()

    async def open(
        self, who: Principal, filter_: Filter, *, after: str | None
    ) -> tuple[Stream, Feed]:
        """Open a stream and return it with the first page of its feed.

        Raises
        ------
        ProblemError
            The cursor is invalid, the account has too many streams, or the library is unavailable.
        """
        streams = self._streams[who.owner]
        if len(streams) >= self._settings.streams_per_account:
            raise ProblemError(
                ProblemCode.TOO_MANY_REQUESTS,
                f"An account can have {self._settings.streams_per_account} live streams open at "
                "once; close one first.",
                retry_after=5,
            )
        stream = Stream(who, filter_, self._settings.stream_events)
        # Registered before the first read of the feed, so that no event is missed in between.
        streams.add(stream)
        try:
            return stream, await self._upstream.feed(who, after=after, limit=PAGE_SIZE)
        except BaseException:
            self.close(stream)
            raise

    def close(self, stream: Stream) -> None:
        """Remove a stream."""
        streams = self._streams[stream.who.owner]
        streams.discard(stream)
        if not streams:
            del self._streams[stream.who.owner]

    async def events(self, stream: Stream, page: Feed) -> AsyncIterator[bytes]:
        """Yield a stream's bytes until it ends; the last event, `close`, has the reason."""
        yield b"retry: 1000\n\n"
        while True:
            while True:
                advanced = False
                for entry in page.items:
                    advanced = True
                    if stream.show(entry):
                        yield _sse_event(entry.type, entry.data, id_=entry.cursor)
                position = page.next
                if not page.more:
                    break
                if reason := await self._end_reason(stream):
                    yield _sse_event("close", {"reason": reason})
                    return
                page = await self._next_page(stream, position)
            stream.behind = len(stream.expected)
            while stream.progress:
                _, progress = stream.progress.popitem(last=False)
                data = progress.model_dump(mode="json", exclude={"owner"})
                yield _sse_event("job.progressed", data)
            woken = await self._wait_for_event(stream, advanced=advanced)
            if reason := await self._end_reason(stream):
                yield _sse_event("close", {"reason": reason})
                return
            if not woken:
                yield b": \n\n"
            page = await self._next_page(stream, position)

    async def _next_page(self, stream: Stream, position: str) -> Feed:
        """Return the feed after a cursor, or an empty page while the library is unavailable."""
        try:
            return await self._upstream.feed(stream.who, after=position, limit=PAGE_SIZE)
        except ProblemError as error:
            log.warning("a live stream waits for the library: %s", error.detail)
            await asyncio.sleep(RECONNECT_PAUSE)
            stream.wake.set()
            return Feed(items=(), next=position)

    async def _wait_for_event(self, stream: Stream, *, advanced: bool) -> bool:
        """Wait for a reason to read the feed; return whether there is one.

        While the feed does not show an event that the bus delivered, because a long transaction of
        the library holds it back, each look waits longer than the one before.
        """
        now = self._clock.monotonic()
        stream.expected = {id_: until for id_, until in stream.expected.items() if until > now}
        stream.pause = _pause(0.0 if advanced else stream.pause) if stream.expected else 0.0
        left = max(0.0, (stream.who.expires - self._clock.now()).total_seconds())
        wait = min(left, stream.pause or self._settings.heartbeat)
        try:
            async with asyncio.timeout(wait) as limit:
                until = limit.when() or 0.0
                earliest = min(until, until - wait + EVENT_PAUSE)
                while True:
                    await stream.wake.wait()
                    stream.wake.clear()
                    if stream.halt or not stream.pause:
                        return True
                    limit.reschedule(earliest)
        except TimeoutError:
            return bool(stream.expected)

    async def _end_reason(self, stream: Stream) -> str:
        """Return why a stream must end now, or an empty string."""
        while True:
            stream.halt = False
            if self._stopping:
                return "stopping"
            if self._clock.now() >= stream.who.expires:
                return "token_expired"
            try:
                # The authenticator caches the answer for some seconds, so this is cheap.
                return "" if await self._authenticator.is_active(stream.who) else "session_ended"
            except DatabaseUnavailable as error:
                log.warning("a live stream waits for the database of accounts: %s", error)
                await asyncio.sleep(RECONNECT_PAUSE)


def _pause(before: Seconds) -> Seconds:
    """Return the pause after another one: twice as long, up to `MAX_PAUSE`."""
    return min(MAX_PAUSE, 2.0 * before) if before else FIRST_PAUSE


def _sse_event(type_: str, data: dict[str, Any], *, id_: str = "") -> bytes:
    """Encode one server-sent event as the HTML standard defines it."""
    head = f"id: {id_}\n" if id_ else ""
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"{head}event: {type_}\ndata: {body}\n\n".encode()
