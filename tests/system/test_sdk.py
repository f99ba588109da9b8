"""Every method of the client library, with a session and with an API key, in both clients."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cratedig import AsyncClient, Client, CratedigError, Credentials
from tests.support.hand_cuts import RESET, cuts_version, hand_cut, new_parts
from tests.support.running_server import RunningServer
from tests.support.sounds import write_tone
from tests.support.taught_tags import taught_tag
from tests.support.webhook_receiver import Receiver
from tests.support.webhook_receiver import receiver as running_receiver
from tests.system.sdk_harness import (
    PASSWORD,
    SCOPES,
    SdkHarness,
    digest,
    email,
    pipeline,
    replace_pipeline,
)

pytestmark = pytest.mark.timeout(180)
Case = Callable[[Any, SdkHarness], Any]
CASES: dict[str, Case] = {
    "account.create": lambda c, w: c.account.create(email(), PASSWORD),
    "account.get": lambda c, w: c.account.get(),
    "account.change_password": lambda c, w: c.account.change_password(PASSWORD, "another one"),
    "account.delete": lambda c, w: c.account.delete(PASSWORD),
    "artifacts.get": lambda c, w: c.artifacts.get(w.artifact.id),
    "artifacts.list": lambda c, w: c.artifacts.list(w.item, page_size=1),
    "artifacts.save": lambda c, w: c.artifacts.save(w.artifact, w.file.with_name("fetched")),
    "artifacts.url": lambda c, w: c.artifacts.url(w.artifact.id),
    "collections.add": lambda c, w: c.collections.add(w.new_collection(), [w.item]),
    "collections.artifacts": lambda c, w: c.collections.artifacts(w.new_collection(), w.item),
    "collections.clearance": lambda c, w: c.collections.clearance(w.new_collection()),
    "collections.create": lambda c, w: c.collections.create("Snares", note="dusty"),
    "collections.create_link": lambda c, w: c.collections.create_link(w.new_collection(), days=1),
    "collections.delete": lambda c, w: c.collections.delete(w.new_collection()),
    "collections.delete_link": lambda c, w: c.collections.delete_link(*w.new_link()),
    "collections.download": lambda c, w: c.collections.download(
        w.new_collection(), w.item, w.artifact.id
    ),
    "collections.get": lambda c, w: c.collections.get(w.new_collection()),
    "collections.items": lambda c, w: c.collections.items(w.new_collection(), page_size=1),
    "collections.links": lambda c, w: c.collections.links(w.new_link()[0]),
    "collections.list": lambda c, w: (w.new_collection(), c.collections.list(item=w.item))[1],
    "collections.move": lambda c, w: c.collections.move(w.new_collection(), [w.item]),
    "collections.open_link": lambda c, w: c.collections.open_link(w.secret()),
    "collections.remove": lambda c, w: c.collections.remove(w.new_collection(), [w.item]),
    "collections.share": lambda c, w: c.collections.share(w.new_collection(), w.friend, "editor"),
    "collections.shared": lambda c, w: (
        w.user.collections.open_link(w.secret()),
        c.collections.shared(),
    )[1],
    "collections.shares": lambda c, w: c.collections.shares(w.new_share()),
    "collections.unshare": lambda c, w: c.collections.unshare(w.new_share(), w.friend),
    "collections.update": lambda c, w: c.collections.update(w.new_collection(), note="dusty"),
    "corrections.delete": lambda c, w: c.corrections.delete(w.item, w.correction()),
    "corrections.get": lambda c, w: c.corrections.get(w.item, w.correction()),
    "corrections.list": lambda c, w: (w.correction(), c.corrections.list(w.item))[1],
    "corrections.put": lambda c, w: c.corrections.put(w.item, "key", "Am"),
    "corrections.restore": lambda c, w: c.corrections.restore(w.item, w.correction(), 1),
    "corrections.versions": lambda c, w: c.corrections.versions(w.item, w.correction()),
    "cuts.edit": lambda c, w: c.cuts.edit(w.item, [RESET], version=cuts_version(w)),
    "cuts.get": lambda c, w: c.cuts.get(w.item),
    "cuts.render": lambda c, w: c.cuts.render(hand_cut(w.user, w.item)),
    "events.stream": lambda c, w: c.events.stream(item=w.item, after="start"),
    "events.ticket": lambda c, w: c.events.ticket(),
    "feed.get": lambda c, w: c.feed.get(after="start", page_size=1),
    "feed.list": lambda c, w: c.feed.list(page_size=1),
    "admin.account": lambda c, w: c.admin.account(w.friend),
    "admin.accounts": lambda c, w: c.admin.accounts(page_size=5),
    "admin.audit": lambda c, w: c.admin.audit(action="sign_in.succeeded", page_size=5),
    "admin.change_account": lambda c, w: c.admin.change_account(
        w.user.account.get().id, quota=50_000_000_000
    ),
    "admin.dead_letters": lambda c, w: c.admin.dead_letters(),
    "admin.jobs": lambda c, w: c.admin.jobs("running", task="midi"),
    "admin.models": lambda c, w: c.admin.models(),
    "admin.one_time_link": lambda c, w: c.admin.one_time_link(w.new_account()),
    "admin.queues": lambda c, w: c.admin.queues(),
    "admin.replay_dead_letter": lambda c, w: c.admin.replay_dead_letter("0-999999"),
    "admin.storage": lambda c, w: c.admin.storage(),
    "admin.webhooks": lambda c, w: c.admin.webhooks(),
    "admin.workers": lambda c, w: c.admin.workers(),
    "imports.pack": lambda c, w: c.imports.pack(w.pack()),
    "imports.create": lambda c, w: c.imports.create("http", "https://127.0.0.1/a.wav"),
    "imports.list": lambda c, w: c.imports.list(page_size=1),
    "imports.get": lambda c, w: c.imports.get(w.new_import()),
    "imports.files": lambda c, w: c.imports.files(w.ended_import(), page_size=1),
    "imports.wait": lambda c, w: c.imports.wait(w.new_import()),
    "imports.cancel": lambda c, w: c.imports.cancel(w.new_import()),
    "imports.providers": lambda c, w: c.imports.providers(),
    "invitations.create": lambda c, w: c.invitations.create("a friend", days=1),
    "invitations.list": lambda c, w: (w.new_invitation(), c.invitations.list())[1],
    "invitations.revoke": lambda c, w: c.invitations.revoke(w.new_invitation()),
    "items.hidden": lambda c, w: (w.hidden_item(), c.items.hidden(page_size=1))[1],
    "items.restore": lambda c, w: c.items.restore(w.hidden_item()),
    "items.delete": lambda c, w: c.items.delete(w.new_item()),
    "items.edit": lambda c, w: c.items.edit([{"items": [w.item], "rating": 3}]),
    "items.favourite": lambda c, w: c.items.favourite(w.item),
    "items.get": lambda c, w: c.items.get(w.item),
    "items.list": lambda c, w: c.items.list(roots=True, kind="stem", page_size=1),
    "items.unfavourite": lambda c, w: c.items.unfavourite(w.item),
    "items.notes": lambda c, w: c.items.notes(w.item, stem="bass", onset=0.4),
    "items.waveforms": lambda c, w: c.items.waveforms([w.item]),
    "items.update": lambda c, w: c.items.update(w.new_item(), bpm=120.0),
    "jobs.artifacts": lambda c, w: c.jobs.artifacts(w.job, page_size=2),
    "jobs.cancel": lambda c, w: c.jobs.cancel(w.job),
    "jobs.create": lambda c, w: c.jobs.create(w.item, "midi", params={"onset_threshold": 0.5}),
    "jobs.get": lambda c, w: c.jobs.get(w.job),
    "jobs.list": lambda c, w: c.jobs.list(task="midi", state="succeeded", run=w.run),
    "jobs.preview": lambda c, w: c.jobs.preview(w.job, "vocals.flac"),
    "jobs.retry": lambda c, w: c.jobs.retry(w.new_failed_job()),
    "jobs.wait": lambda c, w: c.jobs.wait(w.job, timeout=60),
    "keys.create": lambda c, w: c.keys.create("another", SCOPES, days=1),
    "keys.list": lambda c, w: (w.new_key(), c.keys.list())[1],
    "keys.revoke": lambda c, w: c.keys.revoke(w.new_key()),
    "maps.delete": lambda c, w: c.maps.delete(w.new_map()),
    "maps.get": lambda c, w: c.maps.get(w.new_map()),
    "maps.list": lambda c, w: (w.new_map(), c.maps.list())[1],
    "maps.points": lambda c, w: c.maps.points(w.new_map()),
    "maps.put": lambda c, w: c.maps.put(w.new_map(), collection=w.new_collection(), seed=7),
    "multitracks.create": lambda c, w: c.multitracks.create("A", new_parts(w.user, w.file)),
    "pipelines.create": lambda c, w: c.pipelines.create(pipeline()),
    "pipelines.delete": lambda c, w: c.pipelines.delete(w.new_pipeline()),
    "pipelines.get": lambda c, w: c.pipelines.get("midi"),
    "pipelines.list": lambda c, w: c.pipelines.list(page_size=1),
    "pipelines.replace": replace_pipeline,
    "recommendations.dismiss": lambda c, w: c.recommendations.dismiss(w.item),
    "recommendations.dismissed": lambda c, w: (
        w.user.recommendations.dismiss(w.item),
        c.recommendations.dismissed(page_size=1),
    )[1],
    "recommendations.list": lambda c, w: c.recommendations.list(
        collection="favourites", q="class:kick", page_size=5
    ),
    "recommendations.undo_dismissal": lambda c, w: c.recommendations.undo_dismissal(w.item),
    "runs.cancel": lambda c, w: c.runs.cancel(w.run),
    "runs.create": lambda c, w: c.runs.create(w.item, "midi", params={"midi": {"program": 1}}),
    "runs.get": lambda c, w: c.runs.get(w.run),
    "runs.list": lambda c, w: c.runs.list(state="succeeded", page_size=1),
    "runs.wait": lambda c, w: c.runs.wait(w.run, timeout=60),
    "saved_searches.create": lambda c, w: c.saved_searches.create(
        email(), "class:kick", notify=True
    ),
    "saved_searches.delete": lambda c, w: c.saved_searches.delete(w.new_search()),
    "saved_searches.get": lambda c, w: c.saved_searches.get(w.new_search()),
    "saved_searches.list": lambda c, w: (w.new_search(), c.saved_searches.list(page_size=1))[1],
    "saved_searches.seen": lambda c, w: c.saved_searches.seen(w.new_search()),
    "saved_searches.update": lambda c, w: c.saved_searches.update(w.new_search(), q="tone"),
    "search.descriptors": lambda c, w: c.search.descriptors(
        w.file.with_name("tones.npz"), "tone", format="npz", vectors=False
    ),
    "search.find": lambda c, w: c.search.find(
        "tone", stem=["bass"], duration="1.5..2.5", counts=True, histograms="bpm", page_size=1
    ),
    "search.list": lambda c, w: c.search.list("kind:stem sort:name", page_size=1),
    "sessions.create_with_code": lambda c, w: c.sessions.create_with_code(w.sign_in_code()),
    "sessions.create": lambda c, w: c.sessions.create(w.email, PASSWORD),
    "sessions.create_with_device": lambda c, w: c.sessions.create_with_device("acme", "a code"),
    "sessions.delete": lambda c, w: c.sessions.delete(),
    "sessions.log_out": lambda c, w: c.sessions.log_out(),
    "sessions.options": lambda c, w: c.sessions.options(),
    "sessions.refresh": lambda c, w: c.sessions.refresh(),
    "sessions.start_device": lambda c, w: c.sessions.start_device("acme"),
    "shared_links.audio": lambda c, w: c.shared_links.audio(w.public_link(), w.item),
    "shared_links.cover": lambda c, w: c.shared_links.cover(w.public_link()),
    "shared_links.download": lambda c, w: c.shared_links.download(w.public_link(), w.item),
    "shared_links.get": lambda c, w: c.shared_links.get(w.public_link()),
    "shared_links.items": lambda c, w: c.shared_links.items(w.public_link(), page_size=1),
    "shared_links.save": lambda c, w: c.shared_links.save(
        w.public_link(), w.item, w.file.with_name("saved.wav")
    ),
    "similarity.duplicates": lambda c, w: (
        w.duplicates(),
        c.similarity.duplicates(page_size=1),
    )[1],
    "similarity.find": lambda c, w: c.similarity.find(w.duplicates(), q="len:<1", page_size=5),
    "similarity.search": lambda c, w: c.similarity.search({w.item: 0.5}, q="kick", page_size=5),
    "query_sounds.create": lambda c, w: c.query_sounds.create(w.sent_upload()),
    "query_sounds.delete": lambda c, w: c.query_sounds.delete(
        w.user.query_sounds.create(w.sent_upload()).id
    ),
    "query_sounds.file": lambda c, w: c.query_sounds.file(w.new_tone(), wait=0.1),
    "query_sounds.get": lambda c, w: c.query_sounds.get(
        w.user.query_sounds.create(w.sent_upload()).id, wait=0.1
    ),
    "webhooks.create": lambda c, w: c.webhooks.create(
        "https://127.0.0.1/hook", event_types=["item.added"], description="a script"
    ),
    "webhooks.delete": lambda c, w: c.webhooks.delete(w.new_webhook()),
    "webhooks.deliveries": lambda c, w: c.webhooks.deliveries(
        w.new_webhook(), state="failed", page_size=1
    ),
    "webhooks.get": lambda c, w: c.webhooks.get(w.new_webhook()),
    "webhooks.list": lambda c, w: (w.new_webhook(), c.webhooks.list(page_size=1))[1],
    "webhooks.replay": lambda c, w: c.webhooks.replay(w.active_webhook(), since=datetime.now(UTC)),
    "webhooks.rotate_secret": lambda c, w: c.webhooks.rotate_secret(w.new_webhook()),
    "webhooks.test": lambda c, w: c.webhooks.test(w.new_webhook()),
    "webhooks.update": lambda c, w: c.webhooks.update(w.new_webhook(), description="mine"),
    "tags.add": lambda c, w: c.tags.add(w.item, "warm"),
    "tags.list": lambda c, w: c.tags.list(q=w.tag()),
    "taught_tags.answer": lambda c, w: c.taught_tags.answer(w.taught(), {w.item: "skip"}),
    "taught_tags.answers": lambda c, w: c.taught_tags.answers(w.answered(), answer="no"),
    "taught_tags.confirm": lambda c, w: c.taught_tags.confirm(w.taught(), all=True),
    "taught_tags.create": lambda c, w: c.taught_tags.create("Dusty"),
    "taught_tags.delete": lambda c, w: c.taught_tags.delete(w.taught("forgotten")),
    "taught_tags.export": lambda c, w: c.taught_tags.export(w.imported()),
    "taught_tags.get": lambda c, w: c.taught_tags.get(w.taught()),
    "taught_tags.import_file": lambda c, w: c.taught_tags.import_file(taught_tag(), name="other"),
    "taught_tags.list": lambda c, w: c.taught_tags.list(),
    "taught_tags.proposals": lambda c, w: (
        w.duplicates(),
        c.taught_tags.proposals(w.imported(), page_size=1),
    )[1],
    "taught_tags.questions": lambda c, w: c.taught_tags.questions(w.taught(), page_size=3),
    "taught_tags.update": lambda c, w: c.taught_tags.update(w.taught(), threshold=0.7),
    "tags.remove": lambda c, w: c.tags.remove(w.item, w.tag()),
    "tasks.list": lambda c, w: c.tasks.list(),
    "tray.get": lambda c, w: c.tray.get(),
    "tray.put": lambda c, w: c.tray.put(3, w.item, locked=True),
    "uploads.abort": lambda c, w: c.uploads.abort(w.new_upload()),
    "uploads.complete": lambda c, w: c.uploads.complete(w.upload),
    "uploads.create": lambda c, w: c.uploads.create(
        w.file.name, w.file.stat().st_size, digest(w.file), kind="stem", metadata={"a": "b"}
    ),
    "uploads.send": lambda c, w: c.uploads.send(w.file),
    "uploads.file": lambda c, w: c.uploads.file(w.file, kind="stem", stem="bass"),
    "uploads.get": lambda c, w: c.uploads.get(w.upload),
    "usage.get": lambda c, w: c.usage.get(),
}
ANONYMOUS = ("create", "create_with_code", "create_with_device", "options", "start_device")
OF_SESSIONS = frozenset(
    name
    for name in CASES
    if name.startswith(("keys.", "invitations.", "admin.", "account.", "sessions."))
) - {"account.create", *(f"sessions.{name}" for name in ANONYMOUS)}
"""What no API key allows."""
DESTRUCTIVE = frozenset(
    {f"sessions.{name}" for name in ("delete", "log_out", "refresh")}
    | {"account.change_password", "account.delete"}
)
"""What ends or changes the session that it is called with."""
NO_PROVIDER = frozenset({"sessions.create_with_device", "sessions.start_device"})
NOT_FOUND = NO_PROVIDER | {"jobs.preview", "admin.replay_dead_letter", "shared_links.cover"}
"""A collection has no image as its cover, a job that has ended has no previews, this server has no
provider to sign in with, and no dead letters, since its events all can be read: that the right
thing was asked for is enough."""


def methods(kind: type[Client] | type[AsyncClient]) -> set[str]:
    client = kind(Credentials())
    return {
        f"{name}.{method}"
        for name, resource in vars(client).items()
        if not name.startswith("_")
        for method, _ in inspect.getmembers(resource, callable)
        if not method.startswith("_")
    }


def test_every_method_has_a_case() -> None:
    assert methods(Client) == methods(AsyncClient) == set(CASES)


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def harness(
    server: RunningServer, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> SdkHarness:
    folder = tmp_path_factory.mktemp("sdk")
    file = write_tone(folder / "tone.wav", seconds=2.0, frequency=221.0)
    user, address = server.client(), email()
    user.account.create(address, PASSWORD)
    uploaded = user.uploads.file(file, kind="stem", stem="bass")
    user.jobs.wait(str(uploaded.job))
    item = str(uploaded.item)
    run = user.runs.wait(user.runs.create(item, "midi").id)
    assert server.administrator is not None
    return SdkHarness(
        email=address,
        user=user,
        key=str(user.keys.create("conformance", SCOPES).key),
        administrator=server.administrator,
        item=item,
        upload=uploaded.id,
        job=run.steps[0].jobs[0],
        run=run.id,
        artifact=next(user.artifacts.list(item)),
        file=file,
        data=server.folder / "data",
        receiver=receiver,
    )


def credentials(server: RunningServer, harness: SdkHarness, who: str, name: str) -> Credentials:
    if who == "key":
        return Credentials(server.url, access_token=harness.key)
    if name.startswith(("invitations.", "admin.")):
        return harness.administrator.credentials
    if name in DESTRUCTIVE:
        client = server.client()
        client.account.create(email(), PASSWORD)
        return client.credentials
    return harness.user.credentials


async def outcome(answer: Any) -> Any:
    """Return what a method of either client answered, of a list or a stream the first or `None`."""
    if inspect.isawaitable(answer):
        return await answer
    if hasattr(answer, "__anext__"):
        try:
            return await anext(answer, None)
        finally:
            await answer.aclose()
    return next(answer, None) if inspect.isgenerator(answer) else answer


@pytest.mark.parametrize("who", ["session", "key"])
@pytest.mark.parametrize("name", sorted(CASES))
def test_a_method_works_with_a_session_and_with_a_key(
    server: RunningServer, harness: SdkHarness, name: str, who: str
) -> None:
    allowed = who == "session" or name not in OF_SESSIONS
    for kind in (Client, AsyncClient):
        mine = credentials(server, harness, who, name)

        async def call(kind: Any = kind, mine: Credentials = mine) -> Any:
            client = kind(mine, save=lambda _: None)
            try:
                return await outcome(CASES[name](client, harness))
            finally:
                await outcome(client.close() if kind is Client else client.aclose())

        if allowed and name not in NOT_FOUND:
            asyncio.run(call())
            continue
        with pytest.raises(CratedigError) as refused:
            asyncio.run(call())
        if allowed:
            assert refused.value.code == "not_found"
        else:
            # A key has no session to refresh, which the client knows by itself.
            local = name == "sessions.refresh"
            assert refused.value.code == ("unauthenticated" if local else "forbidden")


def test_live_events_refresh_a_token_that_has_expired(
    server: RunningServer, harness: SdkHarness
) -> None:
    lone = server.user("lone")
    stale = replace(lone.credentials, access_token=lone.credentials.access_token[:-4] + "AAAA")
    saved: list[Credentials] = []
    with Client(stale, save=saved.append) as client:
        lone.uploads.file(harness.file)
        event = next(client.events.stream(after="start"))
    assert event.id
    assert [credentials.refresh_token for credentials in saved] != [lone.credentials.refresh_token]
    assert len(saved) == 1


def test_the_feed_is_read_to_its_end_page_by_page(harness: SdkHarness) -> None:
    whole = list(harness.user.feed.list())
    assert [entry.id for entry in harness.user.feed.list(page_size=1)][: len(whole)] == [
        entry.id for entry in whole
    ]
    rest = harness.user.feed.list(after=whole[0].cursor)
    assert next(rest).id == whole[1].id
    of_run = list(harness.user.feed.list(run=harness.run))
    assert of_run
    assert {entry.run for entry in of_run} == {harness.run}
