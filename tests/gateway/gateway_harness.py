"""A gateway in front of a real library, in this process, on a clock that tests can advance."""

import asyncio
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from pydantic import SecretStr
from starlette.types import ASGIApp, Message

from gateway.app import MIGRATIONS, Gateway, build
from gateway.settings import GatewaySettings
from kit.clock import SystemClock
from kit.platform import Platform, open_platform
from kit.service import HttpApp
from kit.settings import KitSettings
from services.library.app import MIGRATIONS as LIBRARY_MIGRATIONS
from services.library.app import build as build_library
from services.library.settings import LibrarySettings
from tests.support.migrated_databases import copy_sqlite
from tests.support.timeouts import HANG_TIMEOUT

PASSWORD = "a sentence of mine"
WITHIN = HANG_TIMEOUT


class ShiftedClock(SystemClock):
    """The machine's clock, which tests can advance."""

    def __init__(self) -> None:
        self.shift = 0.0
        self._held: float | None = None

    def hold(self) -> None:
        """Stop the monotonic clock, so that rate limits do not depend on the machine's speed."""
        self._held = self.monotonic()

    def advance(self, seconds: float) -> None:
        self.shift += seconds
        if self._held is not None:
            self._held += seconds

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.shift)

    def monotonic(self) -> float:
        return self._held if self._held is not None else super().monotonic() + self.shift


@dataclass(slots=True)
class User:
    """A user who has logged in."""

    email: str
    access: str
    refresh: str
    id: str = ""

    @property
    def head(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access}"}


@dataclass(slots=True)
class GatewayHarness:
    """A running gateway, its client, its clock and its background tasks."""

    gateway: Gateway
    platform: Platform
    clock: ShiftedClock
    client: httpx.AsyncClient
    stopping: asyncio.Event
    folder: Path
    library: HttpApp | None = None
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    async def sign_up(self, email: str = "", *, password: str = PASSWORD) -> User:
        """Open an account and log in."""
        email = email or f"{secrets.token_hex(6)}@example.org"
        body = {"email": email, "password": password}
        opened = await self.client.post("/v1/accounts", json=body)
        assert opened.status_code == 201, opened.text
        user = await self.log_in(email, password=password)
        user.id = opened.json()["id"]
        return user

    async def log_in(self, email: str, *, password: str = PASSWORD) -> User:
        """Log in."""
        answer = await self.client.post("/v1/sessions", json={"email": email, "password": password})
        assert answer.status_code == 201, answer.text
        pair = answer.json()
        return User(email, pair["access_token"], pair["refresh_token"])

    async def upload(self, user: User, content: bytes) -> str:
        """Upload some bytes and return the item."""
        body = {
            "name": "song.wav",
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        opened = await self.client.post("/v1/uploads", json=body, headers=user.head)
        assert opened.status_code in (200, 201), opened.text
        for part in opened.json()["missing"]:
            data = content[part["offset"] : part["offset"] + part["size"]]
            put = await self.client.put(part["url"], content=data)
            assert put.is_success, put.text
        done = await self.client.post(
            f"/v1/uploads/{opened.json()['id']}/complete", headers=user.head
        )
        assert done.is_success, done.text
        return str(done.json()["item"])

    async def rename(self, user: User, item: str, name: str) -> None:
        """Change an item's name, which is an event."""
        answer = await self.client.patch(
            f"/v1/items/{item}", json={"name": name}, headers=user.head
        )
        assert answer.is_success, answer.text

    async def stop(self) -> None:
        """Stop the background tasks."""
        self.stopping.set()
        async with asyncio.timeout(WITHIN):
            await asyncio.gather(*self.tasks)


@asynccontextmanager
async def open_gateway(
    folder: Path,
    *,
    library: ASGIApp | None = None,
    internal: ASGIApp | None = None,
    database: str = "",
    settings: Mapping[str, Any] | None = None,
    secret: str = "the secret of a server that is only a test",
) -> AsyncIterator[GatewayHarness]:
    """Yield a gateway in front of the real library, or of the given applications."""
    kit = KitSettings(
        bus_url="memory://",
        objects_url=SecretStr(f"file://{folder / 'objects'}"),
        objects_signing_secret=SecretStr(secrets.token_urlsafe(48)),
        library_url="inprocess://library",
        library_internal_url="inprocess://library-internal",
        gateway_url="inprocess://gateway",
        internal_secret=SecretStr(secret),
    )
    clock = ShiftedClock()
    own = {
        "requests_per_minute": 1_000_000,
        "logins_per_minute": 1_000_000,
        "accounts_per_hour": 1_000_000,
        "heartbeat": 0.2,
    } | dict(settings or {})
    async with AsyncExitStack() as stack:
        opened = open_platform(kit)
        platform = Platform(kit, bus=opened.bus, objects=opened.objects, clock=clock)
        await platform.open(stack)
        library_app: HttpApp | None = None
        if library is None:
            url = SecretStr(copy_sqlite(LIBRARY_MIGRATIONS, folder / "library.db"))
            library_app = await build_library(platform, LibrarySettings(database_url=url))
            stack.push_async_callback(library_app.close)
            library, internal = library_app.public, internal or library_app.internal
        platform.offer("library", library)
        if internal is not None:
            platform.offer("library-internal", internal)
        address = database or copy_sqlite(MIGRATIONS, folder / "gateway.db")
        gateway = await build(platform, GatewaySettings(database_url=SecretStr(address), **own))
        stack.push_async_callback(gateway.close)
        platform.offer("gateway", gateway.public)
        transport = httpx.ASGITransport(gateway.public, raise_app_exceptions=False)
        client = await stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=30.0)
        )
        harness = GatewayHarness(
            gateway, platform, clock, client, asyncio.Event(), folder, library_app
        )
        background = (*(library_app.background if library_app else ()), *gateway.background)
        harness.tasks = [asyncio.create_task(task(harness.stopping)) for task in background]
        try:
            yield harness
        finally:
            await harness.stop()


async def eventually(condition: Callable[[], bool], *, what: str) -> None:
    """Wait until a condition holds; fail with words when it does not."""
    try:
        async with asyncio.timeout(WITHIN):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"{what} did not come about within {WITHIN:g} s") from None


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event of a live stream."""

    type: str
    data: dict[str, Any]
    id: str = ""


class Listener:
    """A live stream, driven as a server drives it, so that it can be slow or go away."""

    def __init__(self, app: ASGIApp, path: str, headers: Mapping[str, str]) -> None:
        name, _, query = path.partition("?")
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": name,
            "raw_path": name.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [
                (b"host", b"localhost"),
                *((k.lower().encode(), v.encode()) for k, v in headers.items()),
            ],
            "client": ("127.0.0.1", 50_000),
            "server": ("127.0.0.1", 80),
        }
        self._app = app
        self._gone = asyncio.Event()
        self._request_sent = False
        self.reading = asyncio.Event()
        self.reading.set()
        self.status = 0
        self.body = b""
        self._events: asyncio.Queue[StreamEvent | None] = asyncio.Queue()
        self._rest = b""
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            await self._app(self._scope, self._receive, self._send)
        finally:
            self._events.put_nowait(None)

    async def _receive(self) -> Message:
        if not self._request_sent:
            self._request_sent = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        await self.reading.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            return
        self.body += message["body"]
        *events, self._rest = (self._rest + message["body"]).split(b"\n\n")
        for event in events:
            lines = dict(
                line.split(": ", 1) for line in event.decode().splitlines() if ": " in line
            )
            if "data" in lines:
                data = json.loads(lines["data"])
                self._events.put_nowait(StreamEvent(lines["event"], data, lines.get("id", "")))

    async def next(self, *types: str) -> StreamEvent:
        """Return the next event, or the next of some types."""
        async with asyncio.timeout(WITHIN):
            while True:
                event = await self._events.get()
                if event is None:
                    raise AssertionError(f"the stream ended ({self.status}): {self.body[-300:]!r}")
                if not types or event.type in types:
                    return event

    async def rest(self) -> list[StreamEvent]:
        """Return the remaining events until the stream ends."""
        events = []
        async with asyncio.timeout(WITHIN):
            while (event := await self._events.get()) is not None:
                events.append(event)
        return events

    async def leave(self) -> None:
        """Go away."""
        self._gone.set()
        self.reading.set()
        async with asyncio.timeout(WITHIN):
            await self.task


@asynccontextmanager
async def listening(
    harness: GatewayHarness,
    user: User | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> AsyncIterator[Listener]:
    """Yield a live stream that is open."""
    path = "/v1/events" + (f"?{urlencode(query)}" if query else "")
    head = {**(user.head if user else {}), **(headers or {})}
    listener = Listener(harness.gateway.public, path, head)
    try:
        await eventually(
            lambda: listener.body != b"" or listener.task.done(), what="the stream's beginning"
        )
        yield listener
    finally:
        await listener.leave()
