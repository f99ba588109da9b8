"""Items: what ingest makes of them, search, edits, deletion with all that was made."""

import base64
import json
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from contracts.ingest import CANONICAL
from contracts.items import ArtifactKind, ItemKind
from contracts.jobs import TaskName
from contracts.music import Stem
from contracts.objects import Bucket
from contracts.topics import LIBRARY_EVENTS
from kit.clock import SystemClock
from services.library.catalogue.tables import ArtifactRow, ItemRow
from services.library.events.tables import EventRow
from services.library.jobs.tables import GarbageRow, JobRow
from services.library.routes.artifacts import file_name
from tests.library.catalogue import (
    CANONICAL_FILE,
    MIDI,
    MIDI_FILES,
    PEAKS,
    SLICING,
    UNKNOWN,
    Catalogue,
    WorkerFile,
    ingested,
    separated,
    sha256,
    stems,
)


async def test_ingest_makes_an_item_ready_with_what_it_found(catalogue: Catalogue) -> None:
    user = catalogue.user()
    done = await user.upload(b"a" * 3000, metadata={"artist": "SpecBody by me"})
    await catalogue.ingest_next(
        kind=ItemKind.TRACK, artist="SpecBody by the file", title="T", bpm="122.5"
    )
    item = await user.get(f"/items/{done['item']}")
    assert (item["state"], item["kind"], item["bpm"]) == ("ready", "track", 122.5)
    assert item["audio"]["samples"] == 441_000
    assert item["metadata"] == {"artist": "SpecBody by me", "title": "T", "bpm": "122.5"}
    artifacts = (await user.get(f"/items/{done['item']}/artifacts"))["items"]
    assert {a["kind"] for a in artifacts} == {"original", "canonical", "peaks"}
    job = await user.get(f"/jobs/{done['job']}")
    assert (job["state"], job["progress"]["fraction"]) == ("succeeded", 1.0)


async def test_garbled_tags_can_be_read_in_another_encoding(catalogue: Catalogue) -> None:
    user = catalogue.user()
    done = await user.upload(b"a" * 3000)
    raw = {name: text.encode("cp1251") for name, text in (("artist", "Кино"), ("title", "Звезда"))}
    ingest_result = ingested(
        ItemKind.TRACK, {name: part.decode("cp1252") for name, part in raw.items()}
    )
    kept = {name: base64.b64encode(part) for name, part in raw.items()}
    ingest_result = ingest_result.model_validate(
        ingest_result.model_dump() | {"tag_encoding": "cp1252", "raw_tags": kept}
    )
    claim = await catalogue.claim(TaskName.INGEST)
    await catalogue.finish(claim, ingest_result, {CANONICAL: CANONICAL_FILE, "peaks.dat": PEAKS})
    address = f"/v1/items/{done['item']}"

    async def patch(**changes: Any) -> Any:
        answer = await user.http.patch(address, json=changes)
        return answer.json()["metadata"]

    assert (await user.get(f"/items/{done['item']}"))["metadata"]["artist"] == "Êèíî"
    assert await patch(tag_encoding="cp1251") == {"artist": "Кино", "title": "Звезда"}
    assert [item["id"] for item in (await user.get("/items", q="звезда"))["items"]]
    # The choice may be changed, and what the user wrote himself stays.
    assert (await patch(tag_encoding="koi8-r"))["artist"] != "Кино"
    assert await patch(metadata={"title": "My own", "artist": "Êèíî"}) != {}
    assert await patch(tag_encoding="cp1251") == {"title": "My own", "artist": "Кино"}
    assert (await user.http.patch(address, json={"tag_encoding": "klingon"})).status_code == 422


async def test_tags_in_unicode_are_not_read_again(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song = await user.track()
    answer = await user.http.patch(f"/v1/items/{song}", json={"tag_encoding": "cp1251"})
    assert answer.status_code == 422
    assert "Change the metadata itself" in answer.json()["detail"]


async def test_what_is_no_sound_is_rejected_and_can_be_tried_again(catalogue: Catalogue) -> None:
    user = catalogue.user()
    done = await user.upload(b"Dear diary" * 10)
    await catalogue.reject(await catalogue.claim(TaskName.INGEST), "This is a text.")
    item = await user.get(f"/items/{done['item']}")
    assert (item["state"], item["rejection"]) == ("rejected", "This is a text.")
    answer = await user.http.post("/v1/jobs", json={"item": done["item"], "task": "midi"})
    assert answer.status_code == 409
    assert "This is a text." in answer.json()["detail"]
    again = await user.post(f"/jobs/{done['job']}/retry")
    assert (again["retry_of"], again["state"]) == (done["job"], "queued")
    assert (await user.get(f"/items/{done['item']}"))["state"] == "ingesting"
    await catalogue.ingest_next()
    item = await user.get(f"/items/{done['item']}")
    assert (item["state"], item["rejection"]) == ("ready", None)


async def test_stems_become_items_with_lineage(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song = await user.track()
    await user.post("/jobs", {"item": song, "task": "separation"})
    claim = await catalogue.claim(TaskName.SEPARATION)
    await catalogue.finish(claim, separated(), stems(Stem.DRUMS, Stem.VOCALS))
    children = (await user.get("/items", parent=song))["items"]
    assert {c["name"] for c in children} == {"song – drums", "song – vocals"}
    drums = next(c for c in children if c["lineage"]["stem"] == "drums")
    assert drums["lineage"] == {
        "parent": song, "job": claim.job, "stem": "drums", "start": 0, "end": 441_000,
    }  # fmt: skip
    assert (drums["kind"], drums["state"]) == ("stem", "ready")
    (own,) = (await user.get(f"/items/{drums['id']}/artifacts"))["items"]
    parents = (await user.get(f"/items/{song}/artifacts"))["items"]
    (stem,) = [a for a in parents if a["name"] == "drums.flac"]
    assert (own["kind"], stem["kind"], own["sha256"]) == ("canonical", "stem", stem["sha256"])
    # A stem is worked on like anything else that can be heard.
    await user.post("/jobs", {"item": drums["id"], "task": "midi"})
    claim = await catalogue.claim(TaskName.MIDI)
    assert (
        await catalogue.objects.digest(Bucket(claim.inputs[0].bucket), claim.inputs[0].key)
        == own["sha256"]
    )


async def test_search_and_pages(catalogue: Catalogue) -> None:
    user = catalogue.user()
    names = [f"Café {n:02d}.wav" for n in range(7)] + ["100%_sure.wav"]
    for n, name in enumerate(names):
        await user.upload(f"{n}".encode(), name=name, metadata={"mood": "Blå" if n else "grün"})
    assert len((await user.get("/items", q="cafe"))["items"]) == 7
    assert len((await user.get("/items", q="CAFÉ 03"))["items"]) == 1
    assert len((await user.get("/items", q="cafe bla"))["items"]) == 6
    assert [i["name"] for i in (await user.get("/items", q="0%_s"))["items"]] == ["100%_sure.wav"]
    assert (await user.get("/items", q="%"))["items"][0]["name"] == "100%_sure.wav"
    assert (await user.get("/items", q="caf_"))["items"] == []
    assert (await user.get("/items", state="ready"))["items"] == []
    seen: list[str] = []
    cursor = None
    while True:
        query: dict[str, Any] = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = await user.get("/items", **query)
        seen += [i["name"] for i in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
        if len(seen) == 3:
            await user.upload(b"comes between", name="between.wav")
    assert seen == list(reversed(names))


async def test_edits_change_what_is_given_only(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song = await user.track()

    async def patch(**changes: Any) -> Any:
        answer = await user.http.patch(f"/v1/items/{song}", json=changes)
        return answer.json() if answer.is_success else answer

    item = await patch(name="  Night\tDrive  ", bpm=120.5)
    assert (item["name"], item["bpm"], item["kind"]) == ("Night Drive", 120.5, "track")
    item = await patch(metadata={"key": "C"}, kind="recording")
    assert (item["name"], item["bpm"], item["metadata"]) == ("Night Drive", 120.5, {"key": "C"})
    assert (await patch(bpm=None))["bpm"] is None
    assert len((await user.get("/items", q="drive"))["items"]) == 1
    for wrong in (
        {"name": ""},
        {"name": "é" * 200},
        {"name": "half \ud800"},
        {"name": "nul \x00"},
        {"bpm": 0},
        {"bpm": 1e400},
        {"bpm": 10**400},
        {"state": "ready"},
        {"owner": UNKNOWN},
    ):
        answer = await user.http.patch(
            f"/v1/items/{song}",
            content=json.dumps(wrong).encode("utf-8", "surrogatepass"),
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code == 422, (wrong, answer.text)


async def test_deleting_takes_children_files_jobs_and_says_so(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song = await user.track()
    await user.post("/jobs", {"item": song, "task": "separation"})
    claim = await catalogue.claim(TaskName.SEPARATION)
    await catalogue.finish(claim, separated(), stems(Stem.DRUMS))
    (drums,) = (await user.get("/items", parent=song))["items"]
    await user.post("/jobs", {"item": drums["id"], "task": "slicing"})
    claim = await catalogue.claim(TaskName.SLICING)
    hit = WorkerFile(ArtifactKind.SAMPLE, item=ItemKind.SAMPLE, title="hit", start=10, end=20)
    await catalogue.finish(claim, SLICING, {"hit-0001.flac": hit})
    (sample,) = (await user.get("/items", parent=drums["id"]))["items"]
    waiting = await user.post("/jobs", {"item": sample["id"], "task": "midi"})
    run = await user.post("/runs", {"item": song, "pipeline": "midi"})
    running = await catalogue.claim(TaskName.MIDI)
    files = (await user.get(f"/items/{song}/artifacts"))["items"]

    assert (await user.http.delete(f"/v1/items/{song}?permanently=true")).status_code == 204

    for path in (
        f"/items/{song}", f"/items/{drums['id']}", f"/items/{sample['id']}",
        f"/jobs/{waiting['id']}", f"/runs/{run['id']}", f"/artifacts/{files[0]['id']}",
    ):  # fmt: skip
        assert (await user.http.get(f"/v1{path}")).status_code == 404
    async with catalogue.database.session() as session:
        for table in (ItemRow, ArtifactRow, JobRow):
            assert list(await session.scalars(select(table))) == []
        events = list(
            await session.scalars(
                select(EventRow)
                .where(col(EventRow.topic) == LIBRARY_EVENTS.name)
                .order_by(col(EventRow.seq))
            )
        )
    assert {e.event_subject for e in events if e.type == "item.deleted"} == {
        song, drums["id"], sample["id"],
    }  # fmt: skip
    assert {e.event_subject for e in events if e.type == "job.cancelled"} >= {
        waiting["id"],
        running.job,
    }
    assert [e.data["state"] for e in events if e.type == "run.finished"] == ["cancelled"]
    await sweep(catalogue)
    assert await stored(catalogue) == set()
    # What a worker that has not heard of it still writes changes nothing, and goes later.
    await catalogue.finish(running, MIDI, MIDI_FILES)
    assert await stored(catalogue) == {f"{user.owner}/item/{running.subject.id}/midi"}
    async with catalogue.database.session() as session:
        assert list(await session.scalars(select(ArtifactRow))) == []
        due = {row.prefix for row in await session.scalars(select(GarbageRow))}
    assert f"{user.owner}/item/{running.subject.id}/" in due


async def test_deleting_a_stem_leaves_its_song(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song = await user.track()
    await user.post("/jobs", {"item": song, "task": "separation"})
    claim = await catalogue.claim(TaskName.SEPARATION)
    await catalogue.finish(claim, separated(), stems(Stem.DRUMS, Stem.VOCALS))
    children = (await user.get("/items", parent=song))["items"]
    drums = next(c for c in children if c["lineage"]["stem"] == "drums")
    assert (await user.http.delete(f"/v1/items/{drums['id']}?permanently=true")).status_code == 204
    left = {a["name"] for a in (await user.get(f"/items/{song}/artifacts"))["items"]}
    assert "vocals.flac" in left
    assert "drums.flac" not in left
    await sweep(catalogue)
    keys = [f.key async for f in catalogue.objects.walk(Bucket.DERIVED, "")]
    assert not any("drums" in key for key in keys)
    assert any("vocals" in key for key in keys)


async def test_downloads_are_signed_named_and_whole(catalogue: Catalogue) -> None:
    user = catalogue.user()
    data = b"the original bytes" * 200
    done = await user.upload(data, name='AC/DC "Live" é.wav')
    await catalogue.ingest_next()
    files = (await user.get(f"/items/{done['item']}/artifacts"))["items"]
    original = next(a for a in files if a["kind"] == "original")
    link = await user.get(f"/artifacts/{original['id']}/download")
    answer = await user.store().get(link["url"])
    assert sha256(answer.content) == sha256(data) == original["sha256"]
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith("attachment")
    assert "filename*=UTF-8''AC_DC" in disposition
    part = await user.store().get(link["url"], headers={"Range": "bytes=4-11"})
    assert (part.status_code, part.content) == (206, data[4:12])
    assert (await user.store().get(link["url"][:-2] + "xx")).status_code in (401, 403)


@pytest.mark.parametrize(
    ("name", "file", "stem", "kind", "expected"),
    [
        ("Song", "vocals.flac", "vocals", "stem", "Song – vocals.flac"),
        ("Song", "notes.mid", "bass", "midi", "Song – bass notes.mid"),
        ("Song", "canonical.flac", None, "canonical", "Song.flac"),
        ("../../etc/passwd", "peaks.dat", None, "peaks", "_.._etc_passwd – peaks.dat"),
        ("x" * 500, "canonical.flac", None, "canonical", "x" * 150 + ".flac"),
        ("...", "canonical.flac", None, "canonical", "untitled.flac"),
    ],
)
def test_a_download_is_named_for_people(
    name: str, file: str, stem: str | None, kind: str, expected: str
) -> None:
    now = SystemClock().now()
    item = ItemRow(
        id="i", owner="o", kind="track", state="ready", name=name, created=now, updated=now
    )
    artifact = ArtifactRow(
        id="a", owner="o", item="i", kind=kind, name=file, media_type="audio/flac", size=1,
        sha256="0", bucket="derived", object_key="k", stem=stem, created=now,
    )  # fmt: skip
    assert file_name(item, artifact) == expected


async def stored(catalogue: Catalogue) -> set[str]:
    """Return the folders that hold objects."""
    keys = [f.key for b in Bucket async for f in catalogue.objects.walk(b, "")]
    return {"/".join(key.split("/")[:4]) for key in keys}


async def sweep(catalogue: Catalogue) -> None:
    """Have the background task remove what is no longer needed."""
    await catalogue.cleanup().tidy()
