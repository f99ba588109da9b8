"""While the gateway's database is away: 503 and when to come back, on every route."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from gateway import signing_keys
from tests.gateway.gateway_harness import WITHIN, GatewayHarness, eventually, open_gateway


class Relay:
    """Stands before a server on a port of its own, and can be cut off from it."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._cut = False
        self.port = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Relay"]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()

    def cut(self) -> None:
        """Break every connection and take no new one until `mend`."""
        self._cut = True
        for writer in self._writers:
            writer.transport.abort()

    def mend(self) -> None:
        self._cut = False

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(*self._target)
        self._writers |= {writer, back}
        await asyncio.gather(_forward(reader, back), _forward(there, writer))


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def is_served(harness: GatewayHarness, head: dict[str, str]) -> bool:
    await asyncio.sleep(0.05)
    return (await harness.client.get("/v1/items", headers=head)).is_success


async def test_every_route_says_when_to_come_back(tmp_path: Path, postgres_url: str) -> None:
    url = make_url(postgres_url)
    assert url.host is not None
    assert url.port is not None
    async with Relay(url.host, url.port).serving() as relay:
        through = url.set(port=relay.port).render_as_string(hide_password=False)
        async with open_gateway(tmp_path, database=through) as harness:
            ada = await harness.sign_up()
            item = await harness.upload(ada, b"these are her bytes")
            body = {"name": "k", "scopes": ["catalogue:read"]}
            created = await harness.client.post("/v1/keys", json=body, headers=ada.head)
            key = {"Authorization": f"Bearer {created.json()['key']}"}
            relay.cut()
            # What is remembered of callers is believed for some seconds only.
            harness.clock.advance(6)
            for head in (ada.head, key):
                for method, path, sent in (
                    ("GET", "/v1/items", None),
                    ("PATCH", f"/v1/items/{item}", {"name": "another"}),
                    ("GET", "/v1/jobs", None),
                    ("GET", "/v1/events", None),
                    ("GET", "/v1/account", None),
                ):
                    answer = await harness.client.request(method, path, json=sent, headers=head)
                    assert answer.status_code == 503, (method, path, answer.text)
                    assert answer.json()["retryable"] is True
                    assert int(answer.headers["Retry-After"]) >= 1
            relay.mend()
            async with asyncio.timeout(WITHIN):
                while not await is_served(harness, key):
                    continue


async def test_a_statement_that_fails_ends_no_background_work(
    tmp_path: Path,
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(signing_keys, "EVERY", 0.01)
    own = {"forget_every": 0.1}
    async with open_gateway(tmp_path, database=postgres_url, settings=own) as harness:
        await rename_tables(postgres_url, "", "mislaid_")
        for waits in ("deleted accounts failed", "signing keys failed"):
            await eventually(
                lambda waits=waits: waits in caplog.text or any(t.done() for t in harness.tasks),
                what=f"a log line: {waits}",
            )
        assert not any(task.done() for task in harness.tasks)
        await rename_tables(postgres_url, "mislaid_", "")
        await harness.sign_up()


async def rename_tables(url: str, before: str, after: str) -> None:
    engine = create_async_engine(url)
    for table in ("accounts", "signing_keys"):
        # One at a time: a statement of the gateway that reads both never waits in a circle.
        async with engine.begin() as connection:
            await connection.execute(text(f"ALTER TABLE {before}{table} RENAME TO {after}{table}"))
    await engine.dispose()
