"""What tagging found out becomes searchable: classes, measured values and tags."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import func, select, update
from sqlmodel import col

from contracts.items import ArtifactKind, ItemKind
from contracts.jobs import TaskName
from contracts.objects import Bucket
from contracts.tagging import (
    SampleTags,
    SoundClass,
    SoundFacts,
    Tag,
    TaggingResult,
    Tags,
    TagSource,
)
from kit.clock import SystemClock
from kit.objects.base import ObjectError
from kit.objects.files import FileStore
from services.library.search.documents import next_revision
from services.library.search.rebuild import MissingDocuments, rebuild
from services.library.search.tables import SearchDocumentRow, SearchPendingRow
from services.library.search.tag_files import TagFiles
from tests.library.catalogue import Catalogue, User, WorkerFile, open_catalogue
from tests.library.collections.crate import events
from tests.library.test_runs import SLICING
from tests.support.timeouts import HANG_TIMEOUT

KICK = SoundFacts(
    loudness=-12.0, brightness=80.0, noisiness=0.02, attack=0.004, decay=0.2, pitch=55.0,
    pitch_clarity=0.9,
)  # fmt: skip
HAT = SoundFacts(loudness=-30.0, brightness=9000.0, noisiness=0.6, attack=0.001, decay=0.05)
RESULT = TaggingResult(
    song=(), samples=0, classes={}, silent=0, embeddings=0, duration=1.0, engine="played",
    weights="played",
)  # fmt: skip


def sample(
    file: str, label: SoundClass, confidence: float = 0.9, sound: SoundFacts | None = KICK
) -> SampleTags:
    return SampleTags(file=file, label=label, confidence=confidence, scores={}, sound=sound)


def files(tags: Tags, *, data: bytes | None = None) -> Mapping[str, WorkerFile]:
    data = data or tags.model_dump_json().encode()
    return {"tags.json": WorkerFile(ArtifactKind.TAGS, "application/json", data=data)}


async def read_all(catalogue: Catalogue, **limits: int) -> None:
    vectors = catalogue.server.vectors
    files = TagFiles(catalogue.database, catalogue.objects, vectors, **limits)
    while await files.read():
        pass


async def hits(user: User, q: str = "") -> dict[str, Any]:
    page = await user.get("/search", q=q, limit=200)
    return {hit["item"]["name"]: hit for hit in page["items"]}


async def waiting(catalogue: Catalogue) -> int:
    async with catalogue.database.session() as session:
        query = select(func.count()).select_from(SearchPendingRow)
        return (await session.execute(query)).scalar_one()


async def one_shot(user: User, catalogue: Catalogue, name: str = "hit.wav") -> str:
    upload = await user.upload(name.encode() * 100, name=name, kind="sample")
    await catalogue.ingest_next(kind=ItemKind.SAMPLE)
    return str(upload["item"])


async def tag(
    user: User, catalogue: Catalogue, item: str, tags: Tags, *, data: bytes | None = None
) -> None:
    await user.post("/jobs", {"item": item, "task": "tagging", "force": True})
    await catalogue.finish(await catalogue.claim(TaskName.TAGGING), RESULT, files(tags, data=data))


async def cut(user: User, catalogue: Catalogue, slices: Mapping[str, ArtifactKind]) -> str:
    """Slice a song and submit the tagging of its slices; return the song."""
    song = await user.track(name="Evening.wav")
    spec = {
        "name": "hits",
        "steps": [
            {"name": "slicing", "task": "slicing"},
            {
                "name": "tagging",
                "task": "tagging",
                "inputs": [{"step": "slicing", "kind": kind} for kind in ("sample", "loop")],
                "batch": True,
            },
        ],
    }
    await user.post("/runs", {"item": song, "pipeline": spec})
    files = {
        f"{name}.flac": WorkerFile(
            kind,
            item=ItemKind.SAMPLE,
            title=name,
            bpm=120.0 if kind is ArtifactKind.LOOP else None,
        )
        for name, kind in slices.items()
    }
    await catalogue.finish(await catalogue.claim(TaskName.SLICING), SLICING, files)
    return song


async def finish_tagging(catalogue: Catalogue, samples: Sequence[SampleTags]) -> None:
    tags = Tags(samples=tuple(samples))
    await catalogue.finish(await catalogue.claim(TaskName.TAGGING), RESULT, files(tags))


async def test_an_uploaded_one_shot_shows_what_it_measures(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item = await one_shot(user, catalogue)
    tags = Tags(
        song=(
            Tag(name="Female Vocal", confidence=0.4, source=TagSource.MTT),
            Tag(name="female vocal", confidence=0.7, source=TagSource.MSD),
            Tag(name="rock", confidence=0.2, source=TagSource.MSD),
        ),
        samples=(sample("canonical.flac", SoundClass.SNARE, 0.8),),
    )
    await tag(user, catalogue, item, tags)
    assert await waiting(catalogue) == 1
    await read_all(catalogue)
    assert await waiting(catalogue) == 0
    hit = (await hits(user, 'class:snare tag:"female vocal"'))["hit.wav"]
    assert (hit["sound_class"], hit["class_confidence"], hit["class_source"]) == (
        "snare",
        pytest.approx(0.8),
        "machine",
    )
    for name in ("loudness", "brightness", "noisiness", "attack", "pitch"):
        assert hit[name] == pytest.approx(getattr(KICK, name)), name
    assert {t["name"]: t["confidence"] for t in hit["tags"]} == pytest.approx(
        {"female vocal": 0.7, "rock": 0.2}
    )
    assert set(await hits(user, "vocal deep punchy")) == {"hit.wav"}
    # A new name writes the document again, and what was measured stays.
    await user.http.patch(f"/v1/items/{item}", json={"name": "Rim"})
    renamed = (await hits(user, "rim vocal"))["Rim"]
    assert {k: v for k, v in renamed.items() if k != "item"} == {
        k: v for k, v in hit.items() if k != "item"
    }
    # Other tags take the place of those before.
    await tag(user, catalogue, item, Tags(song=tags.song[2:]))
    await read_all(catalogue)
    assert await hits(user, "vocal") == {}
    assert (await hits(user, "rock"))["Rim"]["sound_class"] == "snare"


async def test_samples_cut_from_a_song_are_described_with_its_tags(catalogue: Catalogue) -> None:
    user, stranger = catalogue.user(), catalogue.user()
    slices = dict.fromkeys(("kick-1", "kick-2", "hat-1", "odd"), ArtifactKind.SAMPLE)
    await cut(user, catalogue, {**slices, "loop-1": ArtifactKind.LOOP})
    samples = [
        sample("kick-1.flac", SoundClass.KICK, 0.95),
        sample("kick-2.flac", SoundClass.KICK, 0.5),
        sample("hat-1.flac", SoundClass.CLOSED_HAT, 0.9, HAT),
        sample("odd.flac", SoundClass.UNKNOWN, 0.3, None),
        sample("loop-1.flac", SoundClass.LOOP, 1.0, SoundFacts(brightness=1000.0)),
        sample("elsewhere.flac", SoundClass.CLAP),
    ]
    await finish_tagging(catalogue, samples)
    await read_all(catalogue, at_once=2)
    assert set(await hits(user, "class:kick")) == {"kick-1", "kick-2"}
    assert list(await hits(user, "kick")) == ["kick-1", "kick-2"]
    assert set(await hits(user, "bright")) == {"hat-1"}
    assert set(await hits(user, "dark deep")) == {"kick-1", "kick-2"}
    assert set(await hits(user, "is:doubtful from:evening")) == {"kick-2", "odd"}
    assert set(await hits(user, "bpm:119-121")) == {"loop-1"}
    page = await user.get("/search", counts=True)
    assert {f["value"]: f["count"] for f in page["facets"]["classes"]} == {
        "kick": 2,
        "closed_hat": 1,
        "unknown": 1,
        "loop": 1,
    }
    assert await hits(stranger) == {}


async def test_a_class_that_a_user_chose_stays(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item = await one_shot(user, catalogue)
    async with catalogue.database.transaction() as session:
        chosen = {"sound_class": "clap", "class_source": "user", "class_confidence": None}
        chosen |= {"revision": await next_revision(session, user.owner)}
        await session.execute(
            update(SearchDocumentRow).where(col(SearchDocumentRow.item) == item).values(chosen)
        )
    await tag(user, catalogue, item, Tags(samples=(sample("canonical.flac", SoundClass.SNARE),)))
    await read_all(catalogue)
    hit = (await hits(user))["hit.wav"]
    assert (hit["sound_class"], hit["class_source"]) == ("clap", "user")
    assert hit["class_confidence"] is None
    assert hit["brightness"] == pytest.approx(80.0)


def damaged() -> float:
    return REGISTRY.get_sample_value("library_damaged_tag_files_total") or 0.0


async def test_a_class_that_arrives_is_an_event(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item = await one_shot(user, catalogue)
    changed = len(await events(user, "item.changed"))
    for label, number in ((SoundClass.TOM, 1), (SoundClass.TOM, 1), (SoundClass.SNARE, 2)):
        await tag(user, catalogue, item, Tags(samples=(sample("canonical.flac", label),)))
        await read_all(catalogue)
        assert len(await events(user, "item.changed")) == changed + number, label
    assert (await events(user, "item.changed"))[-1]["item"] == item


async def test_a_damaged_file_is_given_up_and_the_next_one_read(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    good = Tags(samples=(sample("canonical.flac", SoundClass.TOM),))
    names = ("no tags", "changed", "missing", "large", "good")
    items = {name: await one_shot(user, catalogue, name) for name in names}
    large = b" " * 2000
    for name, item in items.items():
        content = {"no tags": b'{"samples": 3}', "large": large}.get(name)
        await tag(user, catalogue, item, good, data=content)
    store = catalogue.objects
    async for facts in store.walk(Bucket.DERIVED, ""):
        if not facts.key.endswith("tags.json"):
            continue
        if items["changed"] in facts.key:
            kind = "application/json"
            await store.put_bytes(Bucket.DERIVED, facts.key, b"other", media_type=kind)
        if items["missing"] in facts.key:
            await store.delete(Bucket.DERIVED, [facts.key])
    before = damaged()
    await read_all(catalogue, max_bytes=1500)
    assert damaged() == before + 4
    assert await waiting(catalogue) == 0
    assert set(await hits(user, "class:tom")) == {"good"}


class FileStoreThatIsAway(FileStore):
    """Gives no bytes while it is away."""

    away = False

    async def get_bytes(self, bucket: Bucket, key: str, *, limit: int = 1 << 24) -> bytes:
        if self.away:
            raise ObjectError("the store is away")
        return await super().get_bytes(bucket, key, limit=limit)


async def test_a_store_that_is_unavailable_is_tried_again_after_a_pause(
    library_url: str, tmp_path: Path
) -> None:
    async with open_catalogue(library_url, tmp_path, store=FileStoreThatIsAway) as catalogue:
        user = catalogue.user()
        item = await one_shot(user, catalogue)
        tags = Tags(samples=(sample("canonical.flac", SoundClass.TOM),))
        await tag(user, catalogue, item, tags)
        store = catalogue.objects
        assert isinstance(store, FileStoreThatIsAway)
        store.away = True
        vectors = catalogue.server.vectors
        files = TagFiles(catalogue.database, store, vectors)
        assert await files.read()
        assert not await files.read()
        store.away = False
        async with catalogue.database.transaction() as session:
            (row,) = await session.scalars(select(SearchPendingRow))
            now = await catalogue.database.time(session)
            assert row.tries == 1
            assert row.due > now
            row.due = now
        await read_all(catalogue)
        assert set(await hits(user, "class:tom")) == {"hit.wav"}


async def test_a_rebuild_reads_every_file_again(catalogue: Catalogue) -> None:
    user = catalogue.user()
    await cut(user, catalogue, {"kick-1": ArtifactKind.SAMPLE})
    await finish_tagging(catalogue, [sample("kick-1.flac", SoundClass.KICK)])
    await read_all(catalogue)
    async with catalogue.database.transaction() as session:
        for row in await session.scalars(select(SearchDocumentRow)):
            await session.delete(row)
    # The file may be read before the documents of its samples are written again.
    await rebuild(catalogue.database, on_progress=lambda *_: None)
    assert await waiting(catalogue) == 1
    async with catalogue.database.transaction() as session:
        for row in await session.scalars(select(SearchDocumentRow)):
            await session.delete(row)
    await read_all(catalogue)
    await MissingDocuments(catalogue.database, clock=SystemClock()).write()
    await read_all(catalogue)
    fresh = catalogue.user(owner=user.owner)
    async with catalogue.database.session() as session:
        rows = list(await session.scalars(select(SearchDocumentRow)))
    assert {row.sound_class for row in rows} == {None, "kick"}
    assert len(rows) == 2
    assert fresh.owner == user.owner


class WatchedTagFiles(TagFiles):
    """Says when it has read a file."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__(
            catalogue.database,
            catalogue.objects,
            catalogue.server.vectors,
            poll=3600,
        )
        self.done = asyncio.Event()

    async def read(self) -> bool:
        something = await super().read()
        if something:
            self.done.set()
        return something


async def test_a_file_is_read_as_soon_as_its_job_has_finished(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item = await one_shot(user, catalogue)
    stopping = asyncio.Event()
    files = WatchedTagFiles(catalogue)
    running = asyncio.create_task(files.run(stopping))
    try:
        await tag(user, catalogue, item, Tags(samples=(sample("canonical.flac", SoundClass.TOM),)))
        async with asyncio.timeout(HANG_TIMEOUT):
            await files.done.wait()
    finally:
        stopping.set()
        await running
    assert set(await hits(user, "class:tom")) == {"hit.wav"}
