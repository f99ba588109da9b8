"""What an account stores: counted exactly, shown by kind, held to limits whatever is at once."""

import asyncio
import secrets
from pathlib import Path
from runpy import run_path
from typing import Any

import httpx
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from prometheus_client import REGISTRY
from sqlalchemy import Connection, select, text, update
from sqlmodel import col

from contracts.ids import OwnerId
from contracts.ingest import CANONICAL
from contracts.items import ItemKind
from contracts.jobs import Claim, TaskName
from contracts.music import Stem
from deploy.servers.postgres import USER
from kit.clock import SystemClock
from kit.database.actors import SERVICE
from kit.database.engine import Database
from services.library.app import MIGRATIONS
from services.library.jobs.tables import JobRow
from services.library.maintenance.counters import CounterCheck
from services.library.settings import LibrarySettings
from services.library.usage import UsageRow
from tests.library.catalogue import (
    CANONICAL_FILE,
    MIDI,
    MIDI_FILES,
    PEAKS,
    Catalogue,
    User,
    ingested,
    open_catalogue,
    separated,
    sha256,
    stems,
)
from tests.support.postgres import url_as


async def check(catalogue: Catalogue) -> None:
    """Make sure that every counter is that of the rows."""
    assert await CounterCheck(catalogue.database).compare() == []
    assert REGISTRY.get_sample_value("library_miscounted_owners") == 0


async def usage(user: User) -> tuple[int, int, int]:
    """Return an account's originals, results and uploads under way."""
    body = await user.get("/usage")
    assert body["total"] == body["originals"] + body["results"] + body["uploads"]
    await check(user.catalogue)
    return body["originals"], body["results"], body["uploads"]


async def claim_midi(user: User, item: str) -> Claim:
    """Ask for a job and take it, as a worker."""
    await user.post("/jobs", {"item": item, "task": "midi", "force": True})
    return await user.catalogue.claim(TaskName.MIDI)


async def test_usage_follows_everything_that_is_stored(catalogue: Catalogue) -> None:
    user, data = catalogue.user(), secrets.token_bytes(3000)
    assert await usage(user) == (0, 0, 0)
    upload = await user.open(data)
    assert await usage(user) == (0, 0, 3000)
    aborted = await user.open(secrets.token_bytes(500))
    assert await usage(user) == (0, 0, 3500)
    await user.http.delete(f"/v1/uploads/{aborted['id']}")
    await user.http.delete(f"/v1/uploads/{aborted['id']}")
    await user.send(upload, data)
    item = (await user.post(f"/uploads/{upload['id']}/complete"))["item"]
    assert await usage(user) == (3000, 0, 0)
    await catalogue.ingest_next()
    _, taken_in, _ = await usage(user)
    assert taken_in > 0
    await user.post("/jobs", {"item": item, "task": "separation"})
    claim = await catalogue.claim(TaskName.SEPARATION)
    await catalogue.finish(claim, separated(), stems(Stem.BASS, Stem.DRUMS))
    _, with_stems, _ = await usage(user)
    stored = sum(a["size"] for a in (await user.get(f"/items/{item}/artifacts"))["items"])
    assert with_stems == stored - 3000, "a stem that is an item too is one file"
    first, second = (await user.get("/items", kind="stem"))["items"]
    await catalogue.finish(await claim_midi(user, first["id"]), MIDI, MIDI_FILES)
    assert (await user.http.delete(f"/v1/items/{first['id']}?permanently=true")).status_code == 204
    _, one_stem, _ = await usage(user)
    stored = sum(a["size"] for a in (await user.get(f"/items/{item}/artifacts"))["items"])
    assert one_stem == stored - 3000 < with_stems
    await catalogue.finish(await claim_midi(user, second["id"]), MIDI, MIDI_FILES)
    assert (await user.http.delete(f"/v1/items/{item}?permanently=true")).status_code == 204
    assert await usage(user) == (0, 0, 0)


async def test_a_duplicate_takes_no_room(catalogue: Catalogue) -> None:
    user, data = catalogue.user(), secrets.token_bytes(3000)
    late = await user.open(data)
    await user.track(data)
    before = await usage(user)
    assert before[2] == 3000
    assert (await user.open(data))["duplicate"]
    assert await usage(user) == before
    await user.send(late, data)
    assert (await user.post(f"/uploads/{late['id']}/complete"))["duplicate"]
    assert (await usage(user))[2] == 0


async def open_upload(user: User, size: int = 1000) -> httpx.Response:
    body = {"name": "x", "size": size, "sha256": sha256(secrets.token_bytes(8))}
    return await user.http.post("/v1/uploads", json=body)


async def test_announcements_at_once_do_not_pass_the_limit(
    library_url: str, tmp_path: Path
) -> None:
    async with open_catalogue(library_url, tmp_path, LibrarySettings(owner_bytes=9999)) as server:
        user, other = server.user(), server.user()
        answers = await asyncio.gather(*(open_upload(user) for _ in range(30)))
        assert [answer.status_code for answer in answers].count(201) == 9
        refused = next(answer for answer in answers if answer.status_code != 201)
        assert (refused.status_code, refused.json()["code"]) == (413, "quota_exceeded")
        assert "of the 9,999 bytes that you may store 999 bytes are left" in refused.text
        assert await usage(user) == (0, 0, 9000)
        assert (await open_upload(user, 999)).status_code == 201
        assert (await open_upload(user, 1)).status_code == 413
        assert (await open_upload(other)).status_code == 201, "others have their own"


async def test_all_accounts_at_once_do_not_pass_the_limit_of_the_server(
    library_url: str, tmp_path: Path
) -> None:
    async with open_catalogue(library_url, tmp_path, LibrarySettings(server_bytes=9999)) as server:
        users = [server.user() for _ in range(6)]
        answers = await asyncio.gather(*(open_upload(user) for user in users for _ in range(4)))
        assert [answer.status_code for answer in answers].count(201) == 9
        refused = next(answer for answer in answers if answer.status_code != 201)
        assert (refused.status_code, refused.json()["code"]) == (413, "quota_exceeded")
        assert "all accounts of this server" in refused.json()["detail"]
        assert sum([(await usage(user))[2] for user in users]) == 9000


async def limit(server: Catalogue, owner: str, left: int) -> None:
    """Leave an account so many bytes."""
    async with server.database.transaction() as session:
        stored = server.server.policy.owner_bytes - left
        query = select(UsageRow).where(col(UsageRow.owner) == owner)
        row = (await session.scalars(query)).one()
        row.originals = stored - row.results - row.uploads


async def test_results_at_once_do_not_pass_the_limit(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = [await user.track(secrets.token_bytes(100)) for _ in range(8)]
    claims = [await claim_midi(user, item) for item in items]
    size = len(f"{claims[0].job} notes.mid".encode()) * 20
    await limit(catalogue, user.owner, 3 * size + 1)
    await asyncio.gather(*(catalogue.finish(claim, MIDI, MIDI_FILES) for claim in claims))
    jobs = [await user.get(f"/jobs/{claim.job}") for claim in claims]
    assert sorted(job["state"] for job in jobs) == ["failed"] * 5 + ["succeeded"] * 3
    failed = next(job for job in jobs if job["state"] == "failed")
    assert failed["reason"]["code"] == "quota"
    assert f"This needs {size:,} bytes" in failed["reason"]["message"]
    assert "Delete items that you do not need" in failed["reason"]["message"]
    usage_body = await user.get("/usage")
    assert usage_body["limit"] - usage_body["total"] == 1
    for job in jobs:
        artifacts = (await user.get(f"/items/{job['subject']['id']}/artifacts"))["items"]
        stored = [artifact for artifact in artifacts if artifact["job"] == job["id"]]
        assert len(stored) == (job["state"] == "succeeded")


async def test_an_account_that_is_full_is_refused_before_any_work(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item = await user.track()
    await limit(catalogue, user.owner, 0)
    for path, body in (
        ("/jobs", {"item": item, "task": "midi"}),
        ("/runs", {"item": item, "pipeline": "midi"}),
    ):
        answer = await user.http.post(f"/v1{path}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (413, "quota_exceeded")
        assert "0 bytes are left" in answer.json()["detail"]
    assert await catalogue.idle(TaskName.MIDI)


async def test_a_song_without_room_for_its_results_is_rejected_and_can_be_tried_again(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    upload = await user.upload(secrets.token_bytes(1000))
    claim = await catalogue.claim(TaskName.INGEST)
    await limit(catalogue, user.owner, 10)
    files = {CANONICAL: CANONICAL_FILE, "peaks.dat": PEAKS}
    await catalogue.finish(claim, ingested(ItemKind.TRACK, {}), files)
    item = await user.get(f"/items/{upload['item']}")
    assert item["state"] == "rejected"
    assert "There is no room for what this job made" in item["rejection"]
    await limit(catalogue, user.owner, 100_000)
    await user.post(f"/jobs/{claim.job}/retry")
    await catalogue.ingest_next()
    assert (await user.get(f"/items/{upload['item']}"))["state"] == "ready"


async def test_a_full_account_is_failed_by_the_reaper_too(catalogue: Catalogue) -> None:
    user = catalogue.user()
    claim = await claim_midi(user, await user.track())
    await limit(catalogue, user.owner, 1)

    async def unheard(event: Any) -> None:
        """Lose the word of the worker; what it stored is there."""

    catalogue.handler = unheard  # type: ignore[assignment]
    await catalogue.finish(claim, MIDI, MIDI_FILES)
    async with catalogue.database.transaction() as session:
        past = catalogue.database.now(offset=-2 * catalogue.server.policy.lease)
        await session.execute(update(JobRow).values(lease_until=past))
    await catalogue.reaper().sweep()
    job = await user.get(f"/jobs/{claim.job}")
    assert (job["state"], job["reason"]["code"]) == ("failed", "quota")


async def test_a_counter_that_is_wrong_is_an_alarm(catalogue: Catalogue) -> None:
    users = [catalogue.user() for _ in range(25)]
    for user in users:
        await open_upload(user)
    async with catalogue.database.transaction() as session:
        row_of_owner = col(UsageRow.owner) == users[7].owner
        await session.execute(update(UsageRow).where(row_of_owner).values(results=1))
    counters = CounterCheck(catalogue.database)
    looks = [await counters.compare() for _ in range(3)]
    assert [owner for look in looks for owner in look] == [users[7].owner]
    (wrong,) = [look for look in looks if look]
    while await counters.compare() != wrong:
        pass
    assert REGISTRY.get_sample_value("library_miscounted_owners") == 1


async def test_an_account_that_is_gone_stores_nothing(catalogue: Catalogue) -> None:
    user = catalogue.user()
    await user.track()
    await catalogue.server.deletions.delete_owner(OwnerId(user.owner))
    assert await usage(user) == (0, 0, 0)


async def test_what_was_stored_before_is_counted_by_the_migration(
    library_url: str, tmp_path: Path
) -> None:
    async with open_catalogue(library_url, tmp_path) as server:
        user = server.user()
        item = await user.track()
        await user.post("/jobs", {"item": item, "task": "separation"})
        claim = await server.claim(TaskName.SEPARATION)
        await server.finish(claim, separated(), stems(Stem.BASS))
        await user.open(b"x" * 700)
        counted = await usage(user)

    path = MIGRATIONS / "versions" / "0005_usage.py"

    def again(connection: Connection) -> None:
        connection.execute(text("DROP TABLE usage"))
        with Operations.context(MigrationContext.configure(connection)):
            run_path(str(path))["upgrade"]()

    # The role of the library may not drop a table.
    url = library_url if library_url.startswith("sqlite") else url_as(library_url, USER)
    database = Database(url, clock=SystemClock(), actor=SERVICE)
    await database.run_sync(again)
    async with database.session() as session:
        kinds = (col(UsageRow.originals), col(UsageRow.results), col(UsageRow.uploads))
        assert tuple((await session.execute(select(*kinds))).one()) == counted
    assert await CounterCheck(database).compare() == []
    await database.close()
