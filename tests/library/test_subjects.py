"""Jobs whose subject is no item; and files under the keys of earlier versions."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from contracts.ids import JobId, OwnerId, SubjectId
from contracts.items import ArtifactKind
from contracts.jobs import Claim, ClaimRequest, Heartbeat, LeaseStatus, TaskName
from contracts.music import Stem
from contracts.objects import Bucket
from contracts.subjects import Subject, SubjectKind
from contracts.topics import JOBS_EVENTS
from kit.bus.base import AnyEvent
from kit.bus.memory import MemoryBus
from kit.clock import SystemClock, new_id
from kit.objects.factory import open_objects
from kit.platform import Platform
from kit.service import WorkerSettings
from kit.settings import KitSettings
from kit.worker.runtime import WorkerRuntime
from services.library.catalogue.item_facts import ITEM_SUBJECTS
from services.library.catalogue.tables import ArtifactRow, DeletionRow, ItemRow
from services.library.catalogue.views import to_input_ref
from services.library.deletions.deletions import Deletions
from services.library.jobs import claims, submission
from services.library.jobs.submission import NewJob
from services.library.jobs.tables import GarbageRow, JobRow
from services.library.maintenance.counters import CounterCheck
from services.library.tables import METADATA
from tests.library.catalogue import Catalogue, User, separated, stems
from tests.support.scripted_service import SERVICE, ScriptedParams
from tests.support.timeouts import HANG_TIMEOUT


class CatalogueLibrary:
    """A library that hands out the jobs of a catalogue, and keeps what was sent to it."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.claims: list[Claim] = []
        self.statuses: list[LeaseStatus] = []

    async def claim(self, request: ClaimRequest) -> tuple[Claim, ...]:
        async with self._catalogue.database.transaction() as session:
            policy = self._catalogue.server.policy
            claimed = await claims.claim(session, request, policy=policy, subjects=ITEM_SUBJECTS)
        self.claims += claimed
        return claimed

    async def heartbeat(self, job: JobId, beat: Heartbeat) -> LeaseStatus:
        async with self._catalogue.database.transaction() as session:
            policy = self._catalogue.server.policy
            status, _ = await claims.heartbeat(session, job, beat, policy=policy)
        self.statuses.append(status)
        return status


class LaterClock(SystemClock):
    """A clock that is days ahead, for what is removed only when it is old."""

    def now(self) -> Any:
        return super().now() + timedelta(days=2)


@asynccontextmanager
async def worker(catalogue: Catalogue, folder: Path) -> AsyncIterator[tuple[CatalogueLibrary, Any]]:
    """Yield the library of a running worker, and a queue of the events that it applied."""
    settings = KitSettings(
        bus_url="memory://",
        objects_url=SecretStr(f"file://{folder / 'objects'}"),
        objects_signing_secret=SecretStr("s" * 40),
        weights_dir=folder / "weights",
        scratch_dir=folder / "scratch",
        heartbeat=0.2,
        poll=0.2,
    )
    applied: asyncio.Queue[AnyEvent] = asyncio.Queue()

    async def apply(event: AnyEvent) -> None:
        await catalogue.handler(event)
        applied.put_nowait(event)

    async with AsyncExitStack() as stack:
        platform = Platform(settings, bus=MemoryBus(), objects=open_objects(settings))
        await platform.open(stack)
        library, stopping, closed = CatalogueLibrary(catalogue), asyncio.Event(), asyncio.Event()
        chosen = WorkerSettings(slots=1, device="cpu")
        runtime = WorkerRuntime(SERVICE, chosen, platform=platform, library=library)
        consumer = platform.bus.consumer(JOBS_EVENTS, group="library", handler=apply)
        listening = asyncio.create_task(consumer.run(closed))
        working = asyncio.create_task(runtime.run(stopping))
        try:
            yield library, applied
        finally:
            stopping.set()
            runtime.force_stop()
            await working
            closed.set()
            await listening


async def ask(catalogue: Catalogue, user: User, subject: Subject, **params: Any) -> str:
    """Make a job over all of a user's canonical audio, whatever its subject; return its id."""
    query = select(ArtifactRow).where(
        col(ArtifactRow.owner) == user.owner, col(ArtifactRow.kind) == ArtifactKind.CANONICAL
    )
    async with catalogue.database.transaction() as session:
        inputs = tuple(map(to_input_ref, await session.scalars(query)))
        new = NewJob(
            subject=subject,
            task=TaskName.EXPORT,
            params=ScriptedParams.model_validate(params).model_dump(mode="json"),
            inputs=inputs,
            start_to_close_timeout=60.0,
        )
        policy = catalogue.server.policy
        row, _ = await submission.create(session, OwnerId(user.owner), new, policy=policy)
    return row.id


async def test_a_job_over_a_collection_is_listed_while_an_item_is_deleted(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    song = await user.track()
    collection = Subject(kind=SubjectKind.COLLECTION, id=SubjectId(new_id()))
    job = await ask(catalogue, user, collection)
    async with catalogue.database.transaction() as session:
        now = await catalogue.database.time(session)
        session.add(DeletionRow(id=song, owner=user.owner, item=song, created=now))
    (listed,) = (await user.get("/jobs", subject=str(collection)))["items"]
    assert listed["id"] == job
    assert (await user.get(f"/jobs/{job}"))["id"] == job
    assert (await user.get("/jobs", item=song))["items"] == []


async def test_a_job_over_a_collection_runs_from_its_claim_to_the_end_of_its_owner(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    user = catalogue.user()
    songs = [await user.track(data) for data in (b"one" * 500, b"two" * 500)]
    collection = Subject(kind=SubjectKind.COLLECTION, id=SubjectId(new_id()))
    begin = (await user.get("/feed"))["next"]
    stored_before = (await user.get("/usage"))["results"]
    job = await ask(catalogue, user, collection, do="work", seconds=1.2)
    async with worker(catalogue, tmp_path) as (library, applied):
        async with asyncio.timeout(60):
            event = await applied.get()
    assert (event.type, event.subject) == ("job.completed", job)

    # Claimed without facts of an item, kept by heartbeats.
    (claim,) = library.claims
    assert (claim.job, claim.subject, claim.item) == (job, collection, None)
    assert {ref.subject for ref in claim.inputs} == {Subject.of_item(song) for song in songs}
    assert set(library.statuses) == {LeaseStatus.HELD}
    shown = await user.get(f"/jobs/{job}")
    assert (shown["state"], shown["subject"]) == ("succeeded", collection.model_dump(mode="json"))

    # It is listed by its subject, and jobs over other subjects are not.
    for subject, ids in ((str(collection), [job]), (f"collection:{new_id()}", [])):
        listed = (await user.get("/jobs", subject=subject))["items"]
        assert [entry["id"] for entry in listed] == ids
    of_song = (await user.get("/jobs", subject=f"item:{songs[0]}"))["items"]
    assert [entry["task"] for entry in of_song] == ["ingest"]
    assert of_song == (await user.get("/jobs", item=songs[0]))["items"]

    # Its file lies under the subject, belongs to no item, and can be fetched.
    async with catalogue.database.session() as session:
        query = select(ArtifactRow).where(col(ArtifactRow.job) == job).order_by(ArtifactRow.id)
        rows = list(await session.scalars(query))
    file = next(row for row in rows if row.item is None)
    assert file.object_key == f"{user.owner}/collection/{collection.id}/export/{job}/1/made.bin"
    artifact = await user.get(f"/artifacts/{file.id}")
    assert artifact["subject"] == collection.model_dump(mode="json")
    link = await user.get(f"/artifacts/{file.id}/download")
    answer = await user.store().get(link["url"])
    assert len(answer.content) == file.size
    assert "made.bin" in answer.headers["Content-Disposition"]

    # It made an item, which was cut from no other.
    (sample,) = (await user.get("/items", kind="sample"))["items"]
    assert (sample["name"], sample["lineage"]) == ("Made", None)
    (own,) = (await user.get(f"/items/{sample['id']}/artifacts"))["items"]
    assert own["subject"] == {"kind": "item", "id": sample["id"]}
    assert (await user.get("/usage"))["results"] == stored_before + file.size
    assert await CounterCheck(catalogue.database).compare() == []

    # Events carry the subject, and the feed is filtered by it.
    events = (await user.get("/feed", after=begin, subject=str(collection)))["items"]
    assert [event["type"] for event in events] == [
        "job.queued", "job.running", "job.succeeded", "artifact.added",
    ]  # fmt: skip
    assert {event["data"]["job"] for event in events} == {job}
    for event in events:
        assert event["subject"] == event["data"]["subject"] == collection.model_dump(mode="json")
    assert (await user.get("/feed", after=begin, item=collection.id))["items"] == []
    short = await user.get("/feed", after="start", item=songs[0])
    long = await user.get("/feed", after="start", subject=f"item:{songs[0]}")
    assert short["items"] == long["items"] != []

    # Without the item it made, its file is gone as well, as it is with a stem and its song.
    assert (await user.http.delete(f"/v1/items/{sample['id']}?permanently=true")).status_code == 204
    assert (await user.http.get(f"/v1/artifacts/{file.id}")).status_code == 404
    assert (await user.get("/usage"))["results"] == stored_before
    assert await CounterCheck(catalogue.database).compare() == []

    # Items do not take it with them; its owner does.
    for song in songs:
        assert (await user.http.delete(f"/v1/items/{song}?permanently=true")).status_code == 204
    assert (await user.get(f"/jobs/{job}"))["state"] == "succeeded"
    await ask(catalogue, user, collection)
    deletions = Deletions(catalogue.database, catalogue.server.vectors, patience=HANG_TIMEOUT)
    await deletions.delete_owner(OwnerId(user.owner))
    async with catalogue.database.session() as session:
        for table in (ItemRow, ArtifactRow, JobRow):
            assert list(await session.scalars(select(table))) == []
    await catalogue.cleanup().tidy()
    assert [file.key for b in Bucket async for file in catalogue.objects.walk(b, "")] == []


async def test_a_task_that_needs_an_item_refuses_another_subject(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    user = catalogue.user()
    await user.track()
    corpus = Subject(kind=SubjectKind.CORPUS, id=SubjectId(new_id()))
    job = await ask(catalogue, user, corpus, do="name")
    async with worker(catalogue, tmp_path) as (_, applied):
        async with asyncio.timeout(60):
            await applied.get()
    shown = await user.get(f"/jobs/{job}")
    assert (shown["state"], shown["reason"]["code"]) == ("failed", "subject")
    assert "corpus" in shown["reason"]["message"]


async def test_the_same_id_of_another_kind_is_another_subject(catalogue: Catalogue) -> None:
    user = catalogue.user()
    await user.track()
    id_ = SubjectId(new_id())
    kinds = (SubjectKind.COLLECTION, SubjectKind.CORPUS)
    jobs = [await ask(catalogue, user, Subject(kind=kind, id=id_)) for kind in kinds]
    again = [await ask(catalogue, user, Subject(kind=kind, id=id_)) for kind in kinds]
    assert jobs == again
    assert len(set(jobs)) == 2


@pytest.mark.parametrize(
    "columns",
    [
        {"subject_kind": "item", "subject_id": "a", "item": None},
        {"subject_kind": "item", "subject_id": "a", "item": "b"},
        {"subject_kind": "corpus", "subject_id": "a", "item": "a"},
    ],
)
async def test_a_row_names_an_item_exactly_when_its_subject_is_one(
    catalogue: Catalogue, columns: dict[str, Any]
) -> None:
    now = SystemClock().now()
    values = {
        "id": new_id(), "owner": new_id(), "kind": "stem", "name": "n", "media_type": "audio/flac",
        "size": 1, "sha256": "", "bucket": "derived", "object_key": "k", "created": now,
    }  # fmt: skip
    with pytest.raises(IntegrityError, match="item_of_subject"):
        async with catalogue.database.transaction() as session:
            await session.execute(insert(METADATA.tables["artifacts"]).values(**values, **columns))


async def test_a_filter_that_contradicts_itself_or_names_nothing_is_refused(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    id_, other = new_id(), new_id()
    for query in (
        {"subject": id_}, {"subject": f"song:{id_}"}, {"item": id_, "subject": f"item:{other}"},
    ):  # fmt: skip
        answer = await user.http.get("/v1/feed", params=query)
        assert answer.status_code == 422, query
        assert answer.json()["fields"][0]["field"] == "query.subject"
    same = await user.http.get("/v1/feed", params={"item": id_, "subject": f"item:{id_}"})
    assert same.status_code == 200


async def separated_song(catalogue: Catalogue, user: User) -> tuple[str, list[dict[str, Any]]]:
    """Return a song, and the items of its stems, of which every file has an earlier key."""
    song = await user.track()
    await user.post("/jobs", {"item": song, "task": "separation"})
    claim = await catalogue.claim(TaskName.SEPARATION)
    await catalogue.finish(claim, separated(), stems(Stem.DRUMS, Stem.VOCALS))
    for stored in [file async for file in catalogue.objects.walk(Bucket.DERIVED, "")]:
        data = await catalogue.objects.get_bytes(Bucket.DERIVED, stored.key)
        key = stored.key.replace("/item/", "/")
        await catalogue.objects.put_bytes(Bucket.DERIVED, key, data, media_type="audio/flac")
        await catalogue.objects.delete(Bucket.DERIVED, [stored.key])
        async with catalogue.database.transaction() as session:
            moved = update(ArtifactRow).where(col(ArtifactRow.object_key) == stored.key)
            await session.execute(moved.values(object_key=key))
    return song, (await user.get("/items", parent=song))["items"]


async def derived(catalogue: Catalogue) -> list[str]:
    return [file.key async for file in catalogue.objects.walk(Bucket.DERIVED, "")]


async def test_files_under_earlier_keys_are_read_counted_and_removed(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song, children = await separated_song(catalogue, user)
    before = await derived(catalogue)
    assert not any("/item/" in key for key in before)
    for artifact in (await user.get(f"/items/{song}/artifacts"))["items"]:
        link = await user.get(f"/artifacts/{artifact['id']}/download")
        assert len((await user.store().get(link["url"])).content) == artifact["size"]
    assert await CounterCheck(catalogue.database).compare() == []
    assert await catalogue.cleanup(clock=LaterClock()).clear_orphans() == 0

    drums = next(child for child in children if child["stem"] == "drums")
    assert (await user.http.delete(f"/v1/items/{drums['id']}?permanently=true")).status_code == 204
    assert await CounterCheck(catalogue.database).compare() == []
    await catalogue.cleanup().tidy()
    left = await derived(catalogue)
    assert [key for key in before if key not in left] == [
        key for key in before if key.endswith("/drums.flac")
    ]

    assert (await user.http.delete(f"/v1/items/{song}?permanently=true")).status_code == 204
    assert (await user.get("/usage"))["total"] == 0
    await catalogue.cleanup().tidy()
    # What no row names is found a day later.
    assert {key.rpartition("/")[2] for key in await derived(catalogue)} == {"manifest.json"}
    later = catalogue.cleanup(clock=LaterClock())
    assert await later.clear_orphans() == 2
    await later.tidy()
    assert await derived(catalogue) == []


async def test_an_object_whose_key_is_of_no_known_shape_is_never_removed(
    catalogue: Catalogue,
) -> None:
    owner, id_, job = new_id(), new_id(), new_id()
    known = [
        f"{owner}/{id_}/midi/{job}/1/notes.mid",
        f"{owner}/item/{id_}/midi/{job}/2/notes.mid",
        f"{owner}/corpus/{id_}/export/{job}/1/previews/a.flac",
    ]
    unknown = [
        "a/b/c/d/e/f/g",
        f"{owner}/index/{id_}/midi/{job}/1/notes.mid",
        f"{owner}/item/{id_}/painting/{job}/1/picture.png",
        f"{owner}/item/{id_}/midi/{job}/readme.txt",
        f"{owner}/item/{id_}/peaks.dat",
        f"{owner}/{id_}/layers/{job}/1/2/3/notes.json",
        f"snapshots/{owner}/item/{id_}/midi/{job}/1/notes.mid",
    ]
    for key in (*known, *unknown):
        await catalogue.objects.put_bytes(Bucket.DERIVED, key, b"x", media_type="audio/flac")
    cleanup = catalogue.cleanup(clock=LaterClock())
    assert await cleanup.clear_orphans() == 3
    async with catalogue.database.session() as session:
        prefixes = {row.prefix for row in await session.scalars(select(GarbageRow))}
    assert prefixes == {re.sub(r"(previews/)?[^/]+$", "", key) for key in known}
    await cleanup.tidy()
    assert sorted(await derived(catalogue)) == sorted(unknown)
