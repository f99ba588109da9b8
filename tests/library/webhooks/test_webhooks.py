"""Webhooks: tested, signed, retried, logged, replayed (R24, S20)."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update
from sqlmodel import col

from contracts.topics import TOPICS
from contracts.webhooks import MAX_ANSWER_BYTES
from kit.auth.encryption import StoredSecrets
from kit.clock import SystemClock
from services.library.events.relay import Relay
from services.library.events.tables import EventRow
from services.library.webhooks import outcomes
from services.library.webhooks.outcomes import DISABLE_AFTER, SCHEDULE
from services.library.webhooks.sending import BURST, PER_WEBHOOK, RATE, WebhookSender
from services.library.webhooks.signatures import signed_headers
from services.library.webhooks.tables import WebhookDeliveryRow, WebhookRow
from services.library.webhooks.webhooks import encrypt_secrets_again, webhook_secrets
from tests.library.catalogue import UNKNOWN, Catalogue, User, good
from tests.support.timeouts import HANG_TIMEOUT
from tests.support.webhook_receiver import Receiver, receiver

ROOT = Path(__file__).parents[3]


@pytest.fixture
def target() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


def sender_of(catalogue: Catalogue, *, secrets: StoredSecrets | None = None) -> WebhookSender:
    webhooks = catalogue.server.webhooks
    return WebhookSender(
        catalogue.database, webhooks.client, secrets or webhooks.secrets, clock=SystemClock()
    )


async def publish(catalogue: Catalogue) -> None:
    """Publish all events, which queues them for webhooks."""
    bus = catalogue.server.bus
    await bus.ensure(TOPICS)
    relay = Relay(catalogue.database, bus)
    while await relay.relay():
        pass


async def send(catalogue: Catalogue) -> int:
    """Publish all events and send what is due; return how many were sent."""
    await publish(catalogue)
    return await sender_of(catalogue).send_due()


async def active(user: User, target: Receiver, **fields: Any) -> Any:
    """Create a webhook that passes its test."""
    created = await user.post("/webhooks", {"url": target.url, **fields})
    tested = await user.post(f"/webhooks/{created['id']}/test")
    assert tested["passed"], tested
    return created


async def deliveries(user: User, webhook: Any, **query: Any) -> list[Any]:
    listed: list[Any] = (await user.get(f"/webhooks/{webhook['id']}/deliveries", **query))["items"]
    return listed


async def attempted(user: User, webhook: Any) -> list[Any]:
    return [each for each in await deliveries(user, webhook) if each["attempts"]]


async def due_now(catalogue: Catalogue) -> None:
    """Let the pauses and the paces of all webhooks be over."""
    past = catalogue.database.now(offset=-timedelta(hours=1))
    waiting = update(WebhookDeliveryRow).where(col(WebhookDeliveryRow.due).is_not(None))
    async with catalogue.database.transaction() as session:
        await session.execute(waiting.values(due=past))
        await session.execute(update(WebhookRow).values(paced=past))


async def set_webhook(catalogue: Catalogue, webhook: Any, **values: Any) -> None:
    async with catalogue.database.transaction() as session:
        await session.execute(
            update(WebhookRow).where(col(WebhookRow.id) == webhook["id"]).values(**values)
        )


async def test_nothing_is_sent_before_the_address_answers_a_challenge(
    catalogue: Catalogue, target: Receiver
) -> None:
    user = catalogue.user()
    webhook = await user.post("/webhooks", {"url": target.url, "description": "my script"})
    assert (webhook["state"], webhook["event_types"]) == ("unverified", [])
    await user.post("/collections", {"name": "one"})
    assert await send(catalogue) == 0
    target.answers_challenges = False
    tested = await user.post(f"/webhooks/{webhook['id']}/test")
    assert (tested["passed"], tested["status"], tested["answer"]) == (False, 200, "taken")
    assert "challenge" in tested["reason"]
    assert tested["webhook"]["state"] == "unverified"
    answer = await user.http.post(f"/v1/webhooks/{webhook['id']}/test")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
    target.answers_challenges = True
    await set_webhook(catalogue, webhook, tested=None)
    tested = await user.post(f"/webhooks/{webhook['id']}/test")
    assert tested["passed"]
    assert tested["webhook"]["state"] == "active"
    assert target.messages[-1].signed_with(webhook["secret"])
    # What happened before is not sent; what happens from now on is.
    assert await send(catalogue) == 0
    assert not target.events()


async def test_an_event_is_sent_signed_as_a_cloudevent(
    catalogue: Catalogue, target: Receiver
) -> None:
    user, other = catalogue.user(), catalogue.user()
    webhook = await active(user, target, event_types=["collection.changed", "item.added"])
    collection = (await user.post("/collections", {"name": "one"}))["id"]
    await other.post("/collections", {"name": "of another account"})
    await user.http.put(f"/v1/items/{await user.track()}/tags/dusty")
    assert await send(catalogue) == 2
    feed = (await user.get("/feed", after="start", limit=200))["items"]
    listed = await deliveries(user, webhook)
    by_type = {message.event["type"]: message for message in target.events()}
    assert set(by_type) == {"collection.changed", "item.added"}
    message = by_type["collection.changed"]
    event = message.event
    assert message.content_type == "application/cloudevents+json; charset=utf-8"
    assert message.signed_with(webhook["secret"])
    assert (event["specversion"], event["source"]) == ("1.0", "/library")
    assert event["dataschema"] == "urn:cratedig:schema:collection.changed:1"
    assert (event["data"]["collection"], event["owner"]) == (collection, user.owner)
    assert "" not in event.values()
    assert None not in event.values()
    assert message.id == event["id"]
    assert {each["event"] for each in listed} <= {each["id"] for each in feed}
    for delivery in listed:
        assert (delivery["state"], delivery["attempts"], delivery["status"]) == (
            "delivered",
            1,
            200,
        )
        assert (delivery["answer"], delivery["due"]) == ("taken", None)
    # The relay that publishes once more queues nothing twice.
    async with catalogue.database.transaction() as session:
        await session.execute(update(EventRow).values(published=None))
    assert await send(catalogue) == 0


async def test_a_failed_attempt_is_made_again_at_longer_pauses(
    catalogue: Catalogue, target: Receiver
) -> None:
    user = catalogue.user()
    webhook = await active(user, target, event_types=["collection.changed"])
    await user.post("/collections", {"name": "one"})
    target.status, target.answer = 500, b"\x00broken " * 1000
    for attempt in range(1, len(SCHEDULE) + 2):
        assert await send(catalogue) == 1
        (delivery,) = await deliveries(user, webhook)
        assert (delivery["attempts"], delivery["status"]) == (attempt, 500)
        assert delivery["reason"] == "The server answered with HTTP status 500."
        assert len(delivery["answer"]) == MAX_ANSWER_BYTES
        assert await sender_of(catalogue).send_due() == 0, "it waits"
        if attempt <= len(SCHEDULE):
            assert delivery["state"] == "waiting"
            await _check_pause(catalogue, attempt)
        await due_now(catalogue)
    assert (delivery["state"], delivery["due"]) == ("failed", None)
    assert len({message.id for message in target.events()}) == 1
    # Replayed, it is sent under the same id, and works.
    target.status, target.answer = 204, b""
    replayed = await user.post(f"/webhooks/{webhook['id']}/replay", {"events": [delivery["event"]]})
    assert replayed == {"count": 1, "next": None}
    assert await send(catalogue) == 1
    (delivery,) = await deliveries(user, webhook)
    assert (delivery["state"], delivery["attempts"], delivery["reason"]) == ("delivered", 1, None)
    assert len({message.id for message in target.events()}) == 1
    assert (await user.get(f"/webhooks/{webhook['id']}"))["failing_since"] is None


async def _check_pause(catalogue: Catalogue, attempt: int) -> None:
    async with catalogue.database.session() as session:
        row = (await session.scalars(select(WebhookDeliveryRow))).one()
    assert row.due is not None
    assert row.attempted is not None
    pause = (row.due - row.attempted) / SCHEDULE[attempt - 1]
    assert 1.0 <= pause <= 1.0 + outcomes.JITTER


async def test_an_address_may_ask_for_a_longer_pause(
    catalogue: Catalogue, target: Receiver
) -> None:
    user = catalogue.user()
    await active(user, target)
    await user.post("/collections", {"name": "one"})
    target.status, target.headers = 429, {"Retry-After": "600"}
    await send(catalogue)
    async with catalogue.database.session() as session:
        row = (await session.scalars(select(WebhookDeliveryRow))).one()
    assert row.due is not None
    assert row.attempted is not None
    assert row.due - row.attempted == timedelta(seconds=600)


@pytest.mark.parametrize("gone", [True, False])
async def test_an_address_that_fails_for_days_or_is_gone_is_disabled(
    catalogue: Catalogue, target: Receiver, *, gone: bool
) -> None:
    user = catalogue.user()
    webhook = await active(user, target)
    await user.post("/collections", {"name": "one"})
    target.status = 410 if gone else 302
    if not gone:
        await send(catalogue)
        assert (await user.get(f"/webhooks/{webhook['id']}"))["state"] == "active"
        await due_now(catalogue)
        await set_webhook(
            catalogue, webhook, failing_since=catalogue.database.now(offset=-DISABLE_AFTER)
        )
    await send(catalogue)
    disabled = await user.get(f"/webhooks/{webhook['id']}")
    assert disabled["state"] == "disabled"
    assert ("410 Gone" if gone else "redirects") in disabled["reason"]
    await due_now(catalogue)
    await user.post("/collections", {"name": "two"})
    assert await send(catalogue) == 0
    refused = await user.http.post(
        f"/v1/webhooks/{webhook['id']}/replay", json={"since": webhook["created"]}
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    # A test that passes makes it active; what it missed can be replayed.
    target.status = 200
    await set_webhook(catalogue, webhook, tested=None)
    assert (await user.post(f"/webhooks/{webhook['id']}/test"))["webhook"]["reason"] is None
    before = len(target.events())
    replayed = await user.post(f"/webhooks/{webhook['id']}/replay", {"since": webhook["created"]})
    assert replayed == {"count": 2, "next": None}
    while await send(catalogue):
        await due_now(catalogue)
    names = {message.event["subject"] for message in target.events()[before:]}
    assert len(names) == 2


async def test_a_range_is_replayed_in_pieces(
    catalogue: Catalogue, target: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = catalogue.user()
    webhook = await active(user, target, event_types=["collection.changed"])
    for number in range(3):
        await user.post("/collections", {"name": f"{number}"})
    await publish(catalogue)
    path = f"/webhooks/{webhook['id']}/replay"
    monkeypatch.setattr("services.library.webhooks.webhooks.MAX_REPLAYED", 2)
    first = await user.post(path, {"since": webhook["created"]})
    assert first["count"] == 2
    second = await user.post(path, {"since": webhook["created"], "cursor": first["next"]})
    assert second == {"count": 1, "next": None}
    old = {"since": "2020-01-01T00:00:00Z"}
    assert (await user.http.post(f"/v1{path}", json=old)).status_code == 410
    for body in (
        *({}, {"events": [UNKNOWN], "since": webhook["created"]}, {"cursor": "x"}),
        {"since": webhook["created"], "until": "2020-01-01T00:00:00Z"},
        {"since": webhook["created"], "cursor": "x"},
    ):
        assert (await user.http.post(f"/v1{path}", json=body)).status_code == 422, body
    assert (await user.http.post(f"/v1{path}", json={"events": [UNKNOWN]})).status_code == 404


async def test_both_secrets_sign_during_a_rotation(catalogue: Catalogue, target: Receiver) -> None:
    user = catalogue.user()
    webhook = await active(user, target)
    path = f"/webhooks/{webhook['id']}/secret"
    rotated = await user.post(path, key="k")
    assert (await user.post(path, key="k"))["secret"] == rotated["secret"] != webhook["secret"]
    await user.post("/collections", {"name": "one"})
    await send(catalogue)
    (message,) = target.events()
    assert message.signed_with(webhook["secret"])
    assert message.signed_with(rotated["secret"])
    await set_webhook(catalogue, webhook, previous_until=catalogue.database.now())
    await user.post("/collections", {"name": "two"})
    await send(catalogue)
    assert not target.events()[-1].signed_with(webhook["secret"])
    # The secrets are in no other answer, and not as they are in the database.
    for answer in (await user.get("/webhooks"), await user.get(f"/webhooks/{webhook['id']}")):
        assert "whsec_" not in str(answer)
    async with catalogue.database.session() as session:
        row = (await session.scalars(select(WebhookRow))).one()
    assert "whsec_" not in row.secret
    # If the server's own secret changes, the webhook is disabled until it gets another one.
    await user.post("/collections", {"name": "three"})
    await publish(catalogue)
    other = StoredSecrets("another" * 8, purpose="webhooks")
    assert await sender_of(catalogue, secrets=other).send_due() == 0
    assert "another secret" in (await user.get(f"/webhooks/{webhook['id']}"))["reason"]


async def test_secrets_are_encrypted_again_with_another_secret_of_the_server(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    created = await user.post("/webhooks", {"url": "https://example.org/"})
    rotated = await user.post(f"/webhooks/{created['id']}/secret")
    async with catalogue.database.transaction() as session:
        await encrypt_secrets_again(session, "secret" * 8, "another" * 8)
    async with catalogue.database.session() as session:
        row = (await session.scalars(select(WebhookRow))).one()
    assert row.previous_secret is not None
    secrets = webhook_secrets("another" * 8)
    assert secrets.decrypt(row.secret) == rotated["secret"]
    assert secrets.decrypt(row.previous_secret) == created["secret"]


async def test_a_changed_address_is_tested_again(catalogue: Catalogue, target: Receiver) -> None:
    user = catalogue.user()
    webhook = await active(user, target)
    await user.post("/collections", {"name": "one"})
    await publish(catalogue)
    path = f"/v1/webhooks/{webhook['id']}"
    edited = good(await user.http.patch(path, json={"event_types": ["item.added", "item.added"]}))
    assert (edited["event_types"], edited["state"]) == (["item.added"], "active")
    edited = good(await user.http.patch(path, json={"url": target.url + "2"}))
    assert edited["state"] == "unverified"
    for body in ({"event_types": ["nothing.happened"]}, {"url": "ftp://example.org"}, {"url": ""}):
        assert (await user.http.patch(path, json=body)).status_code == 422, body
    stale = {"If-Match": '"other"'}
    assert (await user.http.patch(path, json={}, headers=stale)).status_code == 412
    assert (await user.http.delete(path, headers=stale)).status_code == 412
    assert (await user.http.delete(path)).status_code == 204
    assert (await user.http.get(path)).status_code == 404
    assert (await user.get("/webhooks"))["items"] == []
    await catalogue.cleanup().tidy()
    async with catalogue.database.session() as session:
        assert not (await session.scalars(select(WebhookDeliveryRow))).all()
        assert not (await session.scalars(select(WebhookRow))).all()


async def test_its_owner_disables_it_and_a_test_makes_it_active(
    catalogue: Catalogue, target: Receiver
) -> None:
    user = catalogue.user()
    webhook = await active(user, target)
    path = f"/webhooks/{webhook['id']}"
    disabled = (await user.http.patch(f"/v1{path}", json={"state": "disabled"})).json()
    assert (disabled["state"], disabled["url"]) == ("disabled", webhook["url"])
    assert "disabled by its owner" in disabled["reason"]
    await user.post("/collections", {"name": "one"})
    assert await send(catalogue) == 0
    refused = await user.http.patch(f"/v1{path}", json={"state": "active"})
    assert refused.status_code == 422
    await set_webhook(catalogue, webhook, tested=None)
    tested = await user.post(f"{path}/test")
    assert (tested["webhook"]["state"], tested["webhook"]["reason"]) == ("active", None)
    await user.post("/collections", {"name": "two"})
    assert await send(catalogue) == 1


async def test_number_and_pace_of_events_are_bounded(
    catalogue: Catalogue, target: Receiver
) -> None:
    user = catalogue.user()
    webhook = await active(user, target, event_types=["collection.changed"])
    for number in range(3 * PER_WEBHOOK):
        await user.post("/collections", {"name": f"{number}"})
    await publish(catalogue)
    sender = sender_of(catalogue)
    started = await _paced(catalogue, webhook)
    assert await sender.send_due() == PER_WEBHOOK
    assert await _paced(catalogue, webhook) >= started + timedelta(seconds=PER_WEBHOOK / RATE)
    await set_webhook(catalogue, webhook, paced=catalogue.database.now(offset=2 * BURST))
    assert await sender.send_due() == 0, "it had more than its share"
    # One that fails gets one attempt at a time.
    await due_now(catalogue)
    await set_webhook(catalogue, webhook, failing_since=catalogue.database.now())
    assert len(await sender.claim(100)) == 1
    assert await sender.claim(100) == [], "it is being sent"
    for _ in range(catalogue.server.settings.owner_webhooks - 1):
        await user.post("/webhooks", {"url": target.url})
    refused = await user.http.post("/v1/webhooks", json={"url": target.url})
    assert (refused.status_code, "10 webhooks" in refused.json()["detail"]) == (409, True)


async def _paced(catalogue: Catalogue, webhook: Any) -> datetime:
    """Return when a webhook may get its next event."""
    query = select(WebhookRow).where(col(WebhookRow.id) == webhook["id"])
    async with catalogue.database.session() as session:
        return (await session.scalars(query)).one().paced


async def test_a_dead_address_delays_no_other(catalogue: Catalogue, target: Receiver) -> None:
    user = catalogue.user()
    with receiver() as dead:
        dead.headers = {"Connection": "close"}  # Else its thread would go on.
        broken = await active(user, dead)
    await active(user, target)
    stopping = asyncio.Event()
    running = asyncio.create_task(sender_of(catalogue).run(stopping))
    try:
        for number in range(5):
            await user.post("/collections", {"name": f"{number}"})
            await publish(catalogue)
        async with asyncio.timeout(HANG_TIMEOUT):
            while len(target.events()) < 5 or not await attempted(user, broken):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    finally:
        stopping.set()
        await running
    (failed, *_) = await attempted(user, broken)
    assert "could not be reached" in failed["reason"]
    assert len({message.id for message in target.events()}) == 5


async def test_an_event_whose_claim_ran_out_is_sent_again(
    catalogue: Catalogue, target: Receiver
) -> None:
    user = catalogue.user()
    webhook = await active(user, target)
    await user.post("/collections", {"name": "one"})
    await publish(catalogue)
    assert len(await sender_of(catalogue).claim(10)) == 1  # By a library that is killed now.
    assert (await deliveries(user, webhook))[0]["state"] == "sending"
    assert await send(catalogue) == 0
    await due_now(catalogue)
    assert await send(catalogue) == 1
    assert (await deliveries(user, webhook, state="delivered"))[0]["attempts"] == 1


async def test_an_event_that_is_no_longer_kept_is_given_up(
    catalogue: Catalogue, target: Receiver
) -> None:
    user = catalogue.user()
    webhook = await active(user, target)
    await user.post("/collections", {"name": "one"})
    await publish(catalogue)
    async with catalogue.database.transaction() as session:
        await session.execute(delete(EventRow))
    assert await send(catalogue) == 0
    (delivery,) = await deliveries(user, webhook, state="failed")
    assert "no longer kept" in delivery["reason"]
    # Old deliveries are removed with the events.
    async with catalogue.database.transaction() as session:
        old = catalogue.database.now(offset=-timedelta(days=30))
        await session.execute(update(WebhookDeliveryRow).values(created=old))
    await catalogue.cleanup().tidy()
    assert await deliveries(user, webhook) == []


async def test_the_example_receives_events(catalogue: Catalogue) -> None:
    user = catalogue.user()
    webhook = await user.post("/webhooks", {"url": "http://127.0.0.1:1/"})
    with receiver() as free:
        port = free.url.split(":")[2].split("/")[0]
    process = subprocess.Popen(  # noqa: ASYNC220 -- it does not wait
        [sys.executable, "-m", "examples.webhook_receiver", port, webhook["secret"]],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        path = f"/v1/webhooks/{webhook['id']}"
        good(await user.http.patch(path, json={"url": f"http://127.0.0.1:{port}/"}))
        async with asyncio.timeout(HANG_TIMEOUT):
            while not (await user.post(f"/webhooks/{webhook['id']}/test"))["passed"]:
                await set_webhook(catalogue, webhook, tested=None)
                await asyncio.sleep(0.05)
        await user.post("/collections", {"name": "one"})
        assert await send(catalogue) == 1
        assert process.stdout is not None
        assert process.stdout.readline().startswith("webhook.challenged")
        assert process.stdout.readline().startswith("collection.changed")
        secret = "whsec_" + "A" * 44
        refused = await catalogue.server.webhooks.client.post(
            f"http://127.0.0.1:{port}/",
            b"{}",
            signed_headers("x", b"{}", secrets=[secret], time=SystemClock().now()),
        )
        assert refused.status == 401
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
