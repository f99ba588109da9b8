"""Live events: the library's feed is the truth, the bus says when to look (R24).

A stream shows what the feed lists after a cursor, in the feed's order, so it resumes without a gap
or a double wherever it broke off, at any gateway. Progress of running jobs comes straight from the
bus, without an id. Nothing is buffered but the latest progress of each job: a stream is read from
the feed no faster than its reader takes it.
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

PIECE = 200
"""Entries of the feed that are asked for at once."""
LATE: Seconds = 5.0
"""How long an event that the bus told of may take to show in the feed."""
LOOK_AGAIN: Seconds = 0.05
"""Pause before a second look for such an event; it doubles with each look that finds nothing."""
LONGEST_PAUSE: Seconds = 1.0
NEWS_PAUSE: Seconds = 0.25
"""The same when there are news: they may show although something older does not."""
AWAY: Seconds = 1.0
"""Pause while the library or the bus is away."""
JOBS_SHOWN = 1_000
"""Running jobs whose latest progress one stream keeps."""
KNOWN = 2_000
"""Events a stream remembers to have shown: the bus may tell of them twice, or afterwards."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What of an owner's events a stream shows."""

    subject: Subject | None = None
    job: str | None = None
    run: str | None = None

    def takes(self, entry: FeedEntry | JobProgressed) -> bool:
        """Return whether an event is shown."""
        pairs = ((self.subject, entry.subject), (self.job, entry.job), (self.run, entry.run))
        return all(wanted in (None, given) for wanted, given in pairs)


@dataclass(slots=True, eq=False)
class Stream:
    """One connection."""

    who: Principal
    filter: Filter
    bound: int
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    overrun: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when more waits for its reader than is allowed."""
    progress: OrderedDict[str, JobProgressed] = field(default_factory=OrderedDict)
    expected: dict[str, float] = field(default_factory=dict)
    """Events that the bus told of and the feed has not shown yet, and until when to look."""
    shown: OrderedDict[str, None] = field(default_factory=OrderedDict)
    pause: Seconds = 0.0
    """How long to wait before the next look; more than 0 while looks find nothing."""
    halt: bool = False
    """Something happened that may end it: it does not wait any longer."""
    behind: int = 0
    """Events since its reader last took what there was."""

    def tell(self, event: AnyEvent, until: float) -> None:
        """Take note of an event on the bus."""
        if isinstance(event.data, JobProgressed):
            moved = event.data
            if self.filter.takes(moved):
                self.progress[moved.job] = moved
                self.progress.move_to_end(moved.job)
                if len(self.progress) > JOBS_SHOWN:
                    self.progress.popitem(last=False)
        elif event.id not in self.shown:
            self.behind += 1
            self.expected[event.id] = until
        if self.behind > self.bound:
            self.overrun.set()
        self.wake.set()

    def show(self, entry: FeedEntry) -> bool:
        """Take note of an entry of the feed, and return whether it passes the filter."""
        self.expected.pop(entry.id, None)
        self.shown[entry.id] = None
        if len(self.shown) > KNOWN:
            self.shown.popitem(last=False)
        return self.filter.takes(entry)


class Live:
    """The live streams of one gateway."""

    def __init__(
        self,
        bus: Bus,
        *,
        upstream: Upstream,
        bearers: Authenticator,
        settings: GatewaySettings,
        clock: Clock,
    ) -> None:
        self._bus = bus
        self._upstream = upstream
        self._bearers = bearers
        self._settings = settings
        self._clock = clock
        self._streams: defaultdict[str, set[Stream]] = defaultdict(set)
        self._stopping = False
        bearers.when_ended(self._halt)

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
        """Have an account's streams ask at once whether they must end."""
        for stream in self._streams.get(owner, ()):
            stream.halt = True
            stream.wake.set()

    async def _read(self, topic: Topic) -> None:
        while True:
            try:
                async for event in self._bus.tail(topic):
                    if event is None or event.owner is None:
                        continue
                    until = self._clock.monotonic() + LATE
                    for stream in self._streams.get(event.owner, ()):
                        stream.tell(event, until)
            except BusError as error:
                log.warning("live events wait for the bus: %s", error)
            await asyncio.sleep(AWAY)
            self._wake_all()

    def _wake_all(self) -> None:
        """Have every stream look: nobody knows what was missed."""
        for streams in self._streams.values():
            for stream in streams:
                stream.wake.set()

    async def open(
        self, who: Principal, wanted: Filter, *, after: str | None
    ) -> tuple[Stream, Feed]:
        """Open a stream and return it with the first piece of its feed.

        Raises
        ------
        ProblemError
            The cursor is none, the account has too many streams, the library is away.
        """
        streams = self._streams[who.owner]
        if len(streams) >= self._settings.streams_per_account:
            raise ProblemError(
                ProblemCode.TOO_MANY_REQUESTS,
                f"An account has at most {self._settings.streams_per_account} live streams open.",
                retry_after=5,
            )
        stream = Stream(who, wanted, self._settings.stream_events)
        # It listens before it looks, so that nothing falls between.
        streams.add(stream)
        try:
            return stream, await self._upstream.feed(who, after=after, limit=PIECE)
        except BaseException:
            self.close(stream)
            raise

    def close(self, stream: Stream) -> None:
        """Forget a stream."""
        streams = self._streams[stream.who.owner]
        streams.discard(stream)
        if not streams:
            del self._streams[stream.who.owner]

    async def events(self, stream: Stream, piece: Feed) -> AsyncIterator[bytes]:
        """Yield a stream's bytes until it is closed; the last event says why."""
        yield b"retry: 1000\n\n"
        while True:
            while True:
                found = False
                for entry in piece.items:
                    found = True
                    if stream.show(entry):
                        yield _said(entry.type, entry.data, id_=entry.cursor)
                position = piece.next
                if not piece.more:
                    break
                if reason := await self._ending(stream):
                    yield _said("close", {"reason": reason})
                    return
                piece = await self._piece(stream, position)
            stream.behind = len(stream.expected)
            while stream.progress:
                _, moved = stream.progress.popitem(last=False)
                yield _said("job.progressed", moved.model_dump(mode="json", exclude={"owner"}))
            news = await self._until_news(stream, found=found)
            if reason := await self._ending(stream):
                yield _said("close", {"reason": reason})
                return
            if not news:
                yield b": \n\n"
            piece = await self._piece(stream, position)

    async def _piece(self, stream: Stream, position: str) -> Feed:
        """Return what came after a position; nothing while the library is away."""
        try:
            return await self._upstream.feed(stream.who, after=position, limit=PIECE)
        except ProblemError as error:
            log.warning("a live stream waits for the library: %s", error.detail)
            await asyncio.sleep(AWAY)
            stream.wake.set()
            return Feed(items=(), next=position)

    async def _until_news(self, stream: Stream, *, found: bool) -> bool:
        """Wait until there is something to look for; return whether there is.

        While an event that the bus told of does not show in the feed, because a long transaction
        of the library holds it back, each look waits longer than the one before.
        """
        now = self._clock.monotonic()
        stream.expected = {id_: until for id_, until in stream.expected.items() if until > now}
        stream.pause = _pause(0.0 if found else stream.pause) if stream.expected else 0.0
        left = max(0.0, (stream.who.expires - self._clock.now()).total_seconds())
        wait = min(left, stream.pause or self._settings.heartbeat)
        try:
            async with asyncio.timeout(wait) as limit:
                until = limit.when() or 0.0
                hurried = min(until, until - wait + NEWS_PAUSE)
                while True:
                    await stream.wake.wait()
                    stream.wake.clear()
                    if stream.halt or not stream.pause:
                        return True
                    limit.reschedule(hurried)
        except TimeoutError:
            return bool(stream.expected)

    async def _ending(self, stream: Stream) -> str:
        """Return why a stream must end now, or nothing."""
        while True:
            stream.halt = False
            if self._stopping:
                return "stopping"
            if self._clock.now() >= stream.who.expires:
                return "token_expired"
            try:
                # What is remembered is believed for some seconds, so a busy stream may ask always.
                return "" if await self._bearers.is_active(stream.who) else "session_ended"
            except DatabaseUnavailable as error:
                log.warning("a live stream waits for the database of accounts: %s", error)
                await asyncio.sleep(AWAY)


def _pause(before: Seconds) -> Seconds:
    """Return how long to wait before a look that follows one after another pause, or after none."""
    return min(LONGEST_PAUSE, 2.0 * before) if before else LOOK_AGAIN


def _said(type_: str, data: dict[str, Any], *, id_: str = "") -> bytes:
    """Return one event as the HTML standard writes it."""
    head = f"id: {id_}\n" if id_ else ""
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"{head}event: {type_}\ndata: {body}\n\n".encode()
