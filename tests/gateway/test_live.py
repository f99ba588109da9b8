"""R24, T12 in small: live streams lose nothing, double nothing, show nobody else's, and end."""

import asyncio
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from contracts.envelope import Event, dataschema
from contracts.events import ItemChanged
from contracts.ids import EventId, ItemId, JobId, OwnerId, SubjectId
from contracts.items import ItemState
from contracts.jobs import JobProgressed, Progress, TaskName
from contracts.subjects import Subject, SubjectKind
from contracts.topics import JOBS_PROGRESS, LIBRARY_EVENTS
from gateway.authenticator import SESSION_CACHE_LIFE
from kit.clock import new_id
from tests.gateway.gateway_harness import (
    PASSWORD,
    GatewayHarness,
    StreamEvent,
    User,
    eventually,
    listening,
    open_gateway,
)

CHANGED = "item.changed"


async def include_item(harness: GatewayHarness) -> tuple[User, str]:
    user = await harness.sign_up()
    return user, await harness.upload(user, f"bytes of {user.email}".encode())


async def feed(harness: GatewayHarness, user: User, after: str = "start") -> list[dict[str, Any]]:
    """Return all of somebody's feed."""
    entries: list[dict[str, Any]] = []
    while True:
        answer = await harness.client.get(
            "/v1/feed", params={"after": after, "limit": 200}, headers=user.head
        )
        assert answer.status_code == 200, answer.text
        entries += answer.json()["items"]
        after = answer.json()["next"]
        if not answer.json()["more"]:
            return entries


def progressed(owner: str, subject: Subject, job: str, fraction: float) -> Event[JobProgressed]:
    moved = JobProgressed(
        job=JobId(job),
        subject=subject,
        owner=OwnerId(owner),
        task=TaskName.MIDI,
        progress=Progress(fraction=fraction),
    )
    return Event[JobProgressed](
        id=EventId(new_id()),
        type="job.progressed",
        source="/library",
        subject=job,
        time=datetime.now(UTC),
        dataschema=dataschema("job.progressed"),
        owner=OwnerId(owner),
        data=moved,
    )


async def test_events_arrive_once_and_in_order(harness: GatewayHarness) -> None:
    ada, item = await include_item(harness)
    async with listening(harness, ada) as stream:
        for number in range(30):
            await harness.rename(ada, item, f"name {number}")
        events = [await stream.next(CHANGED) for _ in range(30)]
        assert all(event.data["item"] == item for event in events)
        assert len({event.id for event in events}) == 30
        await harness.rename(ada, item, "the last")
        last = await stream.next(CHANGED)
    listed = [entry["cursor"] for entry in await feed(harness, ada) if entry["type"] == CHANGED]
    assert listed[-31:] == [*(event.id for event in events), last.id]


async def test_a_stream_begins_with_now(harness: GatewayHarness) -> None:
    ada, item = await include_item(harness)
    await harness.rename(ada, item, "before")
    async with listening(harness, ada) as stream:
        await harness.rename(ada, item, "after")
        first = await stream.next()
        assert first.type == CHANGED
    newest = (await feed(harness, ada))[-1]
    assert first.id == newest["cursor"]


async def test_dropped_at_random_it_resumes_without_gap_or_double(harness: GatewayHarness) -> None:
    ada, item = await include_item(harness)
    chance = random.Random(24)
    start = (await feed(harness, ada))[-1]["cursor"]
    total = 120
    events: list[StreamEvent] = []
    done = asyncio.Event()

    async def change() -> None:
        for number in range(total):
            await harness.rename(ada, item, f"name {number}")
            await asyncio.sleep(chance.uniform(0, 0.004))
        done.set()

    changing = asyncio.create_task(change())
    drops, last = 0, start
    while len(events) < total:
        async with listening(harness, ada, headers={"Last-Event-ID": last}) as stream:
            for _ in range(chance.randint(1, 20)):
                if len(events) == total:
                    break
                event = await stream.next(CHANGED)
                events.append(event)
                last = event.id
        drops += 1
    await changing
    assert drops >= 5
    expected = [entry["cursor"] for entry in await feed(harness, ada, start)]
    assert [event.id for event in events] == expected
    assert len(set(expected)) == total


async def test_an_old_or_foreign_cursor_is_refused(harness: GatewayHarness) -> None:
    ada = await harness.sign_up()
    for cursor in ("nonsense", "x" * 401):
        answer = await harness.client.get(
            "/v1/events", headers=ada.head | {"Last-Event-ID": cursor}
        )
        assert answer.status_code == 422, cursor
        assert harness.gateway.live.open_streams == 0


async def test_no_stream_shows_another_owners_events(harness: GatewayHarness) -> None:
    (ada, hers), (bob, his) = await include_item(harness), await include_item(harness)
    async with listening(harness, ada) as stream, listening(harness, bob) as other:
        for number in range(10):
            await harness.rename(bob, his, f"his {number}")
        event = progressed(bob.id, Subject.of_item(his), new_id(), 0.5)
        await harness.platform.bus.publish(JOBS_PROGRESS, event, key=event.data.job)
        for _ in range(10):
            assert (await other.next(CHANGED)).data["item"] == his
        assert (await other.next("job.progressed")).data["subject"]["id"] == his
        await harness.rename(ada, hers, "hers")
        first = await stream.next()
        assert first.data["item"] == hers
        assert his.encode() not in stream.body
        # Nor with his cursor, nor by asking for his item.
    cursor = (await feed(harness, bob))[0]["cursor"]
    async with listening(harness, ada, query={"after": cursor, "item": his}) as stream:
        await harness.rename(bob, his, "again")
        await harness.rename(ada, hers, "again")
        beats = stream.body.count(b": \n\n")
        await eventually(lambda: stream.body.count(b": \n\n") > beats + 1, what="two heartbeats")
        assert his.encode() not in stream.body


async def test_filters_show_only_matching_events(harness: GatewayHarness) -> None:
    ada, item = await include_item(harness)
    other = await harness.upload(ada, b"another one")
    async with listening(harness, ada, query={"item": item}) as stream:
        await harness.rename(ada, other, "not shown")
        await harness.rename(ada, item, "shown")
        assert (await stream.next()).data["item"] == item
        assert other.encode() not in stream.body
    wrong = await harness.client.get("/v1/events", params={"item": "x y"}, headers=ada.head)
    assert wrong.status_code == 422


async def test_a_stream_shows_what_belongs_to_one_subject(harness: GatewayHarness) -> None:
    ada, item = await include_item(harness)
    other = await harness.upload(ada, b"another one")
    async with listening(harness, ada, query={"subject": f"item:{item}"}) as stream:
        await harness.rename(ada, other, "not shown")
        await harness.rename(ada, item, "shown")
        assert (await stream.next()).data["item"] == item
        assert other.encode() not in stream.body
    collection = Subject(kind=SubjectKind.COLLECTION, id=SubjectId(item))
    async with listening(harness, ada, query={"subject": str(collection)}) as stream:
        await harness.rename(ada, item, "not shown either")
        for subject in (Subject.of_item(item), collection):
            event = progressed(ada.id, subject, new_id(), 0.5)
            await harness.platform.bus.publish(JOBS_PROGRESS, event, key=event.data.job)
        assert (await stream.next()).data["subject"] == collection.model_dump(mode="json")
    for query in ({"subject": item}, {"subject": str(collection), "item": item}):
        wrong = await harness.client.get("/v1/events", params=query, headers=ada.head)
        assert wrong.status_code == 422, query


async def test_progress_has_no_id_and_only_the_latest_is_sent(harness: GatewayHarness) -> None:
    ada, item = await include_item(harness)
    job = new_id()
    async with listening(harness, ada, query={"job": job}) as stream:
        stream.reading.clear()
        for number in range(50):
            sent = progressed(ada.id, Subject.of_item(item), job, number / 50)
            await harness.platform.bus.publish(JOBS_PROGRESS, sent, key=job)
        stream.reading.set()
        seen: list[float] = []
        while not seen or seen[-1] < 49 / 50:
            event = await stream.next("job.progressed")
            assert event.id == ""
            assert "owner" not in event.data
            seen.append(event.data["progress"]["fraction"])
        assert seen == sorted(seen)


async def test_a_slow_reader_is_disconnected_and_memory_stays_flat(tmp_path: Path) -> None:
    async with open_gateway(tmp_path, settings={"stream_events": 20}) as harness:
        ada, item = await include_item(harness)
        async with listening(harness, ada) as stream, listening(harness, ada) as quick:
            stream.reading.clear()
            for number in range(60):
                await harness.rename(ada, item, f"name {number}")
                assert (await quick.next(CHANGED)).data["item"] == item
            await eventually(stream.task.done, what="the slow reader's end")
            assert harness.gateway.live.open_streams == 1
            assert not quick.task.done()


async def test_a_stream_ends_with_its_token(tmp_path: Path) -> None:
    async with open_gateway(tmp_path) as harness:
        ada = await harness.sign_up()
        async with listening(harness, ada) as stream:
            harness.clock.advance(15 * 60 + 1)
            (last,) = await stream.rest()
            assert (last.type, last.data) == ("close", {"reason": "token_expired"})
        assert harness.gateway.live.open_streams == 0


@pytest.mark.parametrize("how", ["logout", "password", "deletion"])
async def test_a_stream_ends_with_its_session(harness: GatewayHarness, how: str) -> None:
    ada = await harness.sign_up()
    async with listening(harness, ada) as stream:
        if how == "logout":
            await harness.client.delete("/v1/sessions", headers=ada.head)
        elif how == "password":
            body = {"current": PASSWORD, "new": "another sentence"}
            await harness.client.put("/v1/account/password", json=body, headers=ada.head)
        else:
            body = {"password": PASSWORD}
            await harness.client.request("DELETE", "/v1/account", json=body, headers=ada.head)
        (last,) = await stream.rest()
        assert (last.type, last.data) == ("close", {"reason": "session_ended"})


@pytest.mark.parametrize("how", ["logout", "password", "deletion", "key"])
async def test_a_stream_ends_at_once_however_long_it_would_be_quiet(
    tmp_path: Path, how: str
) -> None:
    async with open_gateway(tmp_path, settings={"heartbeat": 3600.0}) as harness:
        ada = await harness.sign_up()
        body: dict[str, Any] = {"name": "k", "scopes": ["catalogue:read"]}
        created = (await harness.client.post("/v1/keys", json=body, headers=ada.head)).json()
        credential = created["key"] if how == "key" else ada.access
        async with listening(harness, headers={"Authorization": f"Bearer {credential}"}) as stream:
            if how == "key":
                await harness.client.delete(f"/v1/keys/{created['id']}", headers=ada.head)
            elif how == "logout":
                await harness.client.delete("/v1/sessions", headers=ada.head)
            elif how == "password":
                body = {"current": PASSWORD, "new": "another sentence"}
                await harness.client.put("/v1/account/password", json=body, headers=ada.head)
            else:
                body = {"password": PASSWORD}
                await harness.client.request("DELETE", "/v1/account", json=body, headers=ada.head)
            (last,) = await stream.rest()
            assert (last.type, last.data) == ("close", {"reason": "session_ended"})


async def test_a_busy_stream_ends_when_another_gateway_removed_its_key(
    tmp_path: Path, postgres_url: str
) -> None:
    settings = {"heartbeat": 3600.0}
    async with (
        open_gateway(tmp_path, database=postgres_url, settings=settings) as harness,
        open_gateway(tmp_path / "other", database=postgres_url) as other,
    ):
        ada, item = await include_item(harness)
        body = {"name": "k", "scopes": ["catalogue:read"]}
        created = (await harness.client.post("/v1/keys", json=body, headers=ada.head)).json()
        async with listening(
            harness, headers={"Authorization": f"Bearer {created['key']}"}
        ) as stream:
            await harness.rename(ada, item, "before")
            assert (await stream.next()).type == CHANGED
            gone = await other.client.delete(f"/v1/keys/{created['id']}", headers=ada.head)
            assert gone.status_code == 204
            harness.clock.advance(SESSION_CACHE_LIFE)
            await harness.rename(ada, item, "after")
            (last,) = await stream.rest()
            assert (last.type, last.data) == ("close", {"reason": "session_ended"})


async def test_an_empty_feed_is_polled_less_and_less_often(tmp_path: Path) -> None:
    """As while a long transaction of the library holds events back that the bus told of."""
    looks: list[float] = []

    async def feed(request: Request) -> Response:
        looks.append(harness.clock.monotonic())
        return JSONResponse({"items": [], "next": "c", "more": False})

    library = Starlette(routes=[Route("/v1/feed", feed)])
    async with open_gateway(tmp_path, library=library, internal=library) as harness:
        ada = await harness.sign_up()

        async def tell() -> None:
            item = ItemId(new_id())
            event = Event[ItemChanged](
                id=EventId(new_id()),
                type=CHANGED,
                source="/library",
                subject=item,
                time=datetime.now(UTC),
                dataschema=dataschema(CHANGED),
                owner=OwnerId(ada.id),
                data=ItemChanged(item=item, state=ItemState.READY),
            )
            await harness.platform.bus.publish(LIBRARY_EVENTS, event, key=item)

        async with listening(harness, ada):
            before = len(looks)
            await tell()
            await eventually(lambda: len(looks) >= before + 6, what="six looks")
            # At once, then after 0.05, 0.1, 0.2, 0.4 and 0.8 s.
            assert looks[before + 5] - looks[before] >= 1.5
            # News hurry a look, each by itself no further than to four in a second.
            before = len(looks)
            while len(looks) < before + 4:
                await tell()
                await asyncio.sleep(0.01)
            assert looks[before + 3] - looks[before] >= 0.6


async def test_a_stream_ends_with_the_server(harness: GatewayHarness) -> None:
    ada, bob = await harness.sign_up(), await harness.sign_up()
    async with listening(harness, ada) as first, listening(harness, bob) as second:
        harness.stopping.set()
        for stream in (first, second):
            (last,) = await stream.rest()
            assert (last.type, last.data) == ("close", {"reason": "stopping"})


async def test_a_quiet_stream_shows_that_it_lives(harness: GatewayHarness) -> None:
    ada = await harness.sign_up()
    async with listening(harness, ada) as stream:
        await eventually(lambda: stream.body.count(b": \n\n") >= 2, what="a second heartbeat")
        assert stream.body.startswith(b"retry: ")


async def test_an_account_has_so_many_streams_and_they_are_given_back(tmp_path: Path) -> None:
    async with open_gateway(tmp_path, settings={"streams_per_account": 2}) as harness:
        ada, bob = await harness.sign_up(), await harness.sign_up()
        async with listening(harness, ada), listening(harness, ada):
            refused = await harness.client.get("/v1/events", headers=ada.head)
            assert refused.status_code == 429
            async with listening(harness, bob) as other:
                assert other.status == 200
        assert harness.gateway.live.open_streams == 0
        async with listening(harness, ada) as again:
            assert again.status == 200


async def test_many_streams_come_and_go_and_nothing_stays(harness: GatewayHarness) -> None:
    users = [await include_item(harness) for _ in range(4)]

    async def follow(user: User, item: str, times: int) -> None:
        for _ in range(times):
            async with listening(harness, user) as stream:
                await harness.rename(user, item, new_id())
                assert (await stream.next(CHANGED)).data["item"] == item

    await asyncio.gather(*(follow(user, item, 5) for user, item in users for _ in range(3)))
    assert harness.gateway.live.open_streams == 0
