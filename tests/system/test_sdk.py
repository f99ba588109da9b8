"""Every call of the client library, with a session and with an API key, in both its forms."""

import asyncio
import inspect
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from cratedig import AsyncClient, Client, Credentials, Refused, aio, calls, types
from tests.support.house import House
from tests.support.sounds import write_tone

pytestmark = [pytest.mark.xdist_group("system"), pytest.mark.timeout(180)]
SCOPES = frozenset({"catalogue:read", "catalogue:write", "jobs:write"})
ACCOUNT = frozenset({"account", "make_key", "make_invitation", "logout"})
"""Calls that no key may make."""
PASSWORD = secrets.token_urlsafe(16)


@dataclass(frozen=True)
class World:
    """What calls are made about."""

    email: str
    user: Client
    item: str
    upload: str
    job: str
    run: str
    artifact: types.Artifact
    file: Path

    def another(self) -> str:
        """Return a new item."""
        pitch = 100 + secrets.randbelow(8000)
        path = write_tone(self.file.with_name("another.wav"), seconds=0.2, frequency=pitch)
        return str(self.user.upload(path, kind="track").item)


Case = Callable[[Any, World], Any]
CASES: dict[str, Case] = {
    "signup": lambda c, w: c.signup(f"{secrets.token_hex(8)}@example.org", PASSWORD),
    "login": lambda c, w: c.login(w.email, PASSWORD),
    "logout": lambda c, w: c.logout(),
    "account": lambda c, w: c.account(),
    "make_key": lambda c, w: c.make_key("another", SCOPES),
    "make_invitation": lambda c, w: c.make_invitation("a friend"),
    "upload": lambda c, w: c.upload(w.file, kind="stem", stem="bass"),
    "upload_state": lambda c, w: c.upload_state(w.upload),
    "items": lambda c, w: c.items(roots=True),
    "item": lambda c, w: c.item(w.item),
    "edit_item": lambda c, w: c.edit_item(w.item, {"bpm": 120.0}),
    "delete_item": lambda c, w: c.delete_item(w.another()),
    "artifacts": lambda c, w: c.artifacts(w.item),
    "artifact": lambda c, w: c.artifact(w.artifact.id),
    "download": lambda c, w: c.download(w.artifact, w.file.with_name("fetched")),
    "create_job": lambda c, w: c.create_job(w.item, "midi", params={"onset_threshold": 0.5}),
    "jobs": lambda c, w: c.jobs(item=w.item),
    "job": lambda c, w: c.job(w.job),
    "preview": lambda c, w: c.preview(w.job, "vocals.flac"),
    "cancel_job": lambda c, w: c.cancel_job(w.job),
    "tasks": lambda c, w: c.tasks(),
    "pipelines": lambda c, w: c.pipelines(),
    "create_run": lambda c, w: c.create_run(w.item, "midi", params={"midi": {"program": 1}}),
    "run": lambda c, w: c.run(w.run),
    "cancel_run": lambda c, w: c.cancel_run(w.run),
    "wait_job": lambda c, w: c.wait_job(w.job),
    "wait_run": lambda c, w: c.wait_run(w.run),
    "events": lambda c, w: c.events(after="start"),
    "send": lambda c, w: c.send(calls.item(w.item)),
}
NOT_CALLS = frozenset({"credentials", "close", "aclose"})
GONE = frozenset({"preview"})
"""Of a job that has ended nothing can be heard ahead: that it was looked for is enough."""


def methods(client: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(client) if not name.startswith("_")} - NOT_CALLS


def test_every_call_has_a_case() -> None:
    assert methods(Client) == methods(AsyncClient) == set(CASES)
    of_calls = {
        name
        for name, one in vars(calls).items()
        if isinstance(one, FunctionType) and one.__module__ == calls.__name__
        if not name.startswith("_") and name != "read"
    }
    used = inspect.getsource(aio)
    assert {name for name in of_calls if f"calls.{name}" not in used} == set()


@pytest.fixture(scope="module")
def world(house: House, tmp_path_factory: pytest.TempPathFactory) -> World:
    file = write_tone(tmp_path_factory.mktemp("sdk") / "tone.wav", seconds=2.0, frequency=221.0)
    user, email = house.client(), f"{secrets.token_hex(8)}@example.org"
    user.signup(email, PASSWORD)
    sent = user.upload(file, kind="stem", stem="bass")
    user.wait_job(str(sent.job))
    item = str(sent.item)
    run = user.wait_run(user.create_run(item, "midi").id)
    return World(
        email=email,
        user=user,
        item=item,
        upload=sent.id,
        job=run.steps[0].jobs[0],
        run=run.id,
        artifact=next(iter(user.artifacts(item))),
        file=file,
    )


def credentials(house: House, world: World, who: str, name: str) -> Credentials:
    if who == "key":
        key = str(world.user.make_key("conformance", SCOPES).key)
        return Credentials(house.url, access_token=key)
    if name == "make_invitation":
        assert house.administrator is not None
        return house.administrator.credentials
    # A logout ends every session of its account.
    return (house.user() if name in ACCOUNT else world.user).credentials


async def outcome(answer: Any) -> Any:
    """Return what a call of either client answered, of a list or a stream the first."""
    if inspect.isawaitable(answer):
        return await answer
    if hasattr(answer, "__anext__"):
        try:
            return await anext(answer)
        finally:
            await answer.aclose()
    return next(answer) if inspect.isgenerator(answer) else answer


@pytest.mark.parametrize("who", ["session", "key"])
@pytest.mark.parametrize("name", sorted(CASES))
def test_a_call_works_with_a_session_and_with_a_key(
    house: House, world: World, name: str, who: str
) -> None:
    allowed = who == "session" or name not in ACCOUNT
    for kind in (Client, AsyncClient):
        mine = credentials(house, world, who, name)

        async def call(kind: Any = kind, mine: Credentials = mine) -> Any:
            client = kind(mine, save=lambda _: None)
            try:
                return await outcome(CASES[name](client, world))
            finally:
                await outcome(client.close() if kind is Client else client.aclose())

        if allowed and name not in GONE:
            asyncio.run(call())
            continue
        with pytest.raises(Refused) as refused:
            asyncio.run(call())
        assert refused.value.code == ("forbidden" if not allowed else "not_found")


def test_live_events_refresh_a_token_that_has_expired(house: House, world: World) -> None:
    lone = house.user("lone")
    stale = replace(lone.credentials, access_token=lone.credentials.access_token[:-4] + "AAAA")
    kept: list[Credentials] = []
    with Client(stale, save=kept.append) as client:
        lone.upload(world.file)
        event = next(client.events(after="start"))
    assert event.id
    assert [one.refresh_token for one in kept] != [lone.credentials.refresh_token]
    assert len(kept) == 1
