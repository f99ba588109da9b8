"""Exports: what they read of an item and of a collection, whose they are, and what they leave."""

from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from contracts.export import ExportFacts, ExportResult, Preset
from contracts.items import ArtifactKind, ItemKind
from contracts.jobs import Claim, TaskName
from contracts.music import Stem
from services.library.jobs.tables import GarbageRow, JobRow
from services.library.maintenance.counters import CounterCheck
from services.library.pipelines.exports import MAX_FILES
from tests.library.catalogue import (
    ANALYSIS,
    MIDI,
    Catalogue,
    User,
    WorkerFile,
    separated,
    stems,
)
from tests.library.collections.crate import refused, samples

RESULT = ExportResult(
    preset=Preset.STEMS, file="stems.zip", files=3, content_bytes=10, duration=10.0
)
FILES = {"stems.zip": WorkerFile(ArtifactKind.BUNDLE, "application/zip")}
STEMS = {"preset": "stems"}


async def run(
    catalogue: Catalogue, user: User, item: str, task: str, result: Any, files: Any
) -> str:
    """Run a job of an item with fake files; return the job."""
    job = await user.post("/jobs", {"item": item, "task": task, "force": True})
    await catalogue.finish(await catalogue.claim(TaskName(task)), result, files)
    return str(job["id"])


async def export(user: User, **subject: Any) -> Any:
    """Submit an export."""
    return await user.post("/jobs", {"task": "export", "params": STEMS, **subject})


def names(claim: Claim) -> list[str]:
    return [f"{ref.kind}/{ref.name}" for ref in claim.inputs]


def facts(claim: Claim) -> ExportFacts:
    assert claim.export is not None
    return claim.export


async def test_an_export_reads_the_newest_files_of_a_song(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item = await user.track(metadata={"licence": "CC0-1.0", "artist": "Ann"})
    four = stems(Stem.DRUMS, Stem.BASS, Stem.OTHER, Stem.VOCALS)
    mix = WorkerFile(ArtifactKind.STEM, stem=Stem.MIX)
    first = await run(catalogue, user, item, "separation", separated(), four)
    newest = await run(
        catalogue, user, item, "separation", separated(), {**four, "without_drums.flac": mix}
    )
    # A newer job with fewer stems does not add up to the song.
    await run(catalogue, user, item, "separation", separated(), stems(Stem.VOCALS))
    for stem in ("bass", "bass", "vocals"):
        kind = ArtifactKind.NOTES
        await run(
            catalogue, user, item, "midi", MIDI,
            {"notes.json": WorkerFile(kind, "application/json", stem=Stem(stem))},
        )  # fmt: skip
    file = WorkerFile(ArtifactKind.ANALYSIS, "application/json")
    await run(catalogue, user, item, "analysis", ANALYSIS, {"analysis.json": file})

    job = await export(user, item=item)
    claim = await catalogue.claim(TaskName.EXPORT)
    assert names(claim) == [
        "analysis/analysis.json",
        "canonical/canonical.flac",
        "notes/notes.json",
        "notes/notes.json",
        "stem/bass.flac",
        "stem/drums.flac",
        "stem/other.flac",
        "stem/vocals.flac",
    ]
    assert [str(ref.artifact) for ref in claim.inputs] == job["inputs"]
    (described,) = facts(claim).items
    assert (described.name, described.clearance.licence) == ("song", "CC0-1.0")
    assert described.clearance.artist == "Ann"
    producers = {producer.job: producer for producer in facts(claim).producers}
    assert first not in producers
    assert len(producers[newest].artifacts) == 4
    assert producers[newest].task == "separation"


async def test_an_equal_export_is_reused_until_a_name_or_a_licence_changes(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    item = await user.track()
    job = await export(user, item=item)
    await catalogue.finish(await catalogue.claim(TaskName.EXPORT), RESULT, FILES)
    assert (await export(user, item=item))["id"] == job["id"]
    patched = await user.http.patch(f"/v1/items/{item}", json={"metadata": {"licence": "CC0-1.0"}})
    assert patched.is_success
    assert (await export(user, item=item))["id"] != job["id"]


async def test_a_collection_is_exported_in_its_order(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = [await user.track(bytes([n]) * 2000, name=f"song {n}.wav") for n in range(3)]
    id_ = (await user.post("/collections", {"name": "Crate"}))["id"]
    await user.post(f"/collections/{id_}/items", {"items": [items[2], items[0]]})
    job = await export(user, collection=id_)
    assert job["subject"] == {"kind": "collection", "id": id_}
    claim = await catalogue.claim(TaskName.EXPORT)
    assert claim.item is None
    assert [ref.subject.item for ref in claim.inputs] == [items[2], items[0]]
    assert facts(claim).title == "Crate"
    assert [item.name for item in facts(claim).items] == ["song 2", "song 0"]
    await catalogue.finish(claim, RESULT, FILES)
    (file,) = (await user.get(f"/jobs/{job['id']}/artifacts"))["items"]
    assert (file["kind"], file["subject"]) == ("bundle", job["subject"])
    url = (await user.get(f"/artifacts/{file['id']}/download"))["url"]
    assert (await user.store().get(url)).is_success
    # The order is part of the bundle, and of what is reused.
    await user.post(f"/collections/{id_}/items/move", {"items": [items[0]], "before": items[2]})
    assert (await export(user, collection=id_))["id"] != job["id"]


async def test_the_bundles_of_a_collection_go_with_it(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item = await user.track()
    id_ = (await user.post("/collections", {"name": "Crate"}))["id"]
    await user.post(f"/collections/{id_}/items", {"items": [item]})
    before = (await user.get("/usage"))["results"]
    await export(user, collection=id_)
    await catalogue.finish(await catalogue.claim(TaskName.EXPORT), RESULT, FILES)
    assert (await user.get("/usage"))["results"] > before
    queued = await user.post(
        "/jobs", {"task": "export", "params": STEMS, "collection": id_, "force": True}
    )
    assert (await user.http.delete(f"/v1/collections/{id_}")).is_success
    assert (await user.http.get(f"/v1/jobs/{queued['id']}")).status_code == 404
    assert await catalogue.idle(TaskName.EXPORT)
    assert (await user.get("/usage"))["results"] == before
    async with catalogue.database.session() as session:
        prefixes = list(await session.scalars(select(col(GarbageRow.prefix))))
        assert f"{user.owner}/collection/{id_}/" in prefixes
        jobs = select(col(JobRow.id)).where(col(JobRow.task) == TaskName.EXPORT)
        assert not list(await session.scalars(jobs))
    assert await CounterCheck(catalogue.database).compare() == []


async def test_only_the_owner_exports_a_shared_collection(catalogue: Catalogue) -> None:
    owner, friend = catalogue.user(), catalogue.user()
    item = await owner.track()
    id_ = (await owner.post("/collections", {"name": "Crate"}))["id"]
    await owner.post(f"/collections/{id_}/items", {"items": [item]})
    body = {"task": "export", "params": STEMS, "collection": id_}
    for role in ("viewer", "editor"):
        share = await owner.http.put(
            f"/v1/collections/{id_}/shares/{friend.owner}", json={"role": role}
        )
        assert share.is_success
        assert await refused(await friend.http.post("/v1/jobs", json=body)) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"task": "export", "params": {"preset": "tape"}}, 422, "body.params.preset"),
        ({"task": "export", "params": {**STEMS, "names": "{artist}"}}, 422, "body.params.names"),
        ({"task": "midi"}, 422, "body.collection"),
        (
            {"task": "export", "params": {"preset": "midi", "quantise": {"steps_per_beat": 5}}},
            422,
            "body.params.quantise.steps_per_beat",
        ),
        ({"task": "export", "params": STEMS, "inputs": [MIDI.engine]}, 422, "body.inputs.0"),
    ],
)
async def test_requests_that_make_no_sense_are_refused(
    catalogue: Catalogue, body: Any, status: int, field: str
) -> None:
    user = catalogue.user()
    answer = await user.http.post("/v1/jobs", json={"collection": "tray", **body})
    assert answer.status_code == status
    assert [problem["field"] for problem in answer.json()["fields"]] == [field]


async def test_a_job_has_one_subject(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item = await user.track()
    for subject in ({}, {"item": item, "collection": "tray"}):
        answer = await user.http.post(
            "/v1/jobs", json={"task": "export", "params": STEMS, **subject}
        )
        assert answer.status_code == 422
        assert "an item or a collection" in answer.text


async def test_an_empty_collection_and_one_too_large_are_refused(catalogue: Catalogue) -> None:
    user = catalogue.user()
    body = {"task": "export", "params": STEMS, "collection": "tray"}
    assert await refused(await user.http.post("/v1/jobs", json=body)) == (409, "wrong_state")
    id_ = (await user.post("/collections", {"name": "Large"}))["id"]
    items = await samples(catalogue, user, MAX_FILES + 1)
    for first in range(0, len(items), 500):
        await user.post(f"/collections/{id_}/items", {"items": items[first : first + 500]})
    answer = await user.http.post("/v1/jobs", json={**body, "collection": id_})
    assert await refused(answer) == (422, "invalid_request")
    assert "at most 1000 files" in answer.text


async def test_a_preset_without_its_files_is_refused(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item = await user.track()
    body = {"task": "export", "item": item, "params": {"preset": "midi"}}
    assert await refused(await user.http.post("/v1/jobs", json=body)) == (409, "wrong_state")
    await user.post("/collections/favourites/items", {"items": [item]})
    for preset, refusal in (
        ("karaoke", (422, "invalid_request")),
        ("midi", (409, "wrong_state")),
    ):
        body = {"task": "export", "collection": "favourites", "params": {"preset": preset}}
        assert await refused(await user.http.post("/v1/jobs", json=body)) == refusal


async def test_a_retried_export_reads_what_the_first_one_read(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item = await user.track(kind=ItemKind.SAMPLE)
    job = await export(user, item=item)
    await catalogue.reject(await catalogue.claim(TaskName.EXPORT))
    again = await user.post(f"/jobs/{job['id']}/retry")
    claim = await catalogue.claim(TaskName.EXPORT)
    assert claim.job == again["id"]
    assert facts(claim).items[0].id == item
