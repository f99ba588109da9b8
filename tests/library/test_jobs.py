"""Jobs as users ask for them: checked, reused, cancelled, tried again; the feed; the farewell."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from contracts.identity import Scope
from contracts.ids import OwnerId
from contracts.jobs import TaskName
from contracts.music import Stem
from contracts.objects import Bucket
from services.library.settings import LibrarySettings
from services.library.tables import METADATA
from tests.library.catalogue import (
    MIDI,
    MIDI_FILES,
    UNKNOWN,
    Catalogue,
    open_catalogue,
    separated,
    stems,
)
from tests.library.test_items import stored, sweep


async def test_a_job_is_made_once_and_its_result_reused(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song = await user.track()
    answer = await user.http.post("/v1/jobs", json={"item": song, "task": "midi"})
    job = answer.json()
    assert (answer.status_code, job["state"], job["params"]["onset_threshold"]) == (
        202, "queued", 0.55,
    )  # fmt: skip
    again = await user.http.post("/v1/jobs", json={"item": song, "task": "midi"})
    assert (again.status_code, again.json()["id"]) == (200, job["id"])
    await catalogue.finish(await catalogue.claim(TaskName.MIDI), MIDI, MIDI_FILES)
    done = await user.http.post(
        "/v1/jobs", json={"item": song, "task": "midi", "params": {"onset_threshold": 0.55}}
    )
    assert (done.status_code, done.json()["id"], done.json()["result"]["notes"]) == (
        200, job["id"], 3,
    )  # fmt: skip
    other = await user.post("/jobs", {"item": song, "task": "midi", "force": True})
    assert other["id"] != job["id"]
    listed = (await user.get("/jobs", item=song, task="midi", state="succeeded"))["items"]
    assert [entry["id"] for entry in listed] == [job["id"]]


async def test_a_scope_to_run_but_not_to_read_gets_no_result(catalogue: Catalogue) -> None:
    user = catalogue.user()
    runner = catalogue.user(scopes=frozenset({Scope.JOBS}), owner=user.owner)
    song = await user.track()
    body = {"item": song, "task": "midi"}
    await user.post("/jobs", body)
    await catalogue.finish(await catalogue.claim(TaskName.MIDI), MIDI, MIDI_FILES)
    done = await runner.post("/jobs", body)
    assert (done["state"], done["result"]) == ("succeeded", None)
    cancelled = await runner.post(f"/jobs/{done['id']}/cancel")
    assert (cancelled["state"], cancelled["result"]) == ("succeeded", None)
    assert (await user.post("/jobs", body))["result"]["notes"] == 3


async def test_parallel_posts_with_one_key_make_one_job(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song = await user.track()
    body = {"item": song, "task": "midi", "force": True}
    answers = await asyncio.gather(*(user.post("/jobs", body, key="k") for _ in range(64)))
    assert len({answer["id"] for answer in answers}) == 1
    assert len((await user.get("/jobs", task="midi"))["items"]) == 1
    other = await user.post("/jobs", body, key="another")
    assert other["id"] != answers[0]["id"]


@pytest.mark.parametrize(
    ("wrong", "status", "field"),
    [
        ({"params": {"onset_threshold": 7}}, 422, "body.params.onset_threshold"),
        ({"params": {"colour": "blue"}}, 422, "body.params.colour"),
        ({"params": {"minimum_frequency": 500, "maximum_frequency": 100}}, 422, "body.params.body"),
        ({"params": {"onset_threshold": 10**30}}, 422, None),
        ({"params": {"program": "\x00"}}, 422, None),
        ({"task": "ingest"}, 422, "body.task"),
        ({"task": "cook"}, 422, "body.task"),
        ({"item": UNKNOWN}, 404, None),
        ({"inputs": [UNKNOWN]}, 404, None),
        ({"state": "succeeded"}, 422, "body.state"),
        ({"owner": UNKNOWN}, 422, "body.owner"),
    ],
)
async def test_an_invalid_job_request_names_the_fields(
    catalogue: Catalogue, wrong: dict[str, Any], status: int, field: str | None
) -> None:
    user = catalogue.user()
    song = await user.track()
    answer = await user.http.post("/v1/jobs", json={"item": song, "task": "midi"} | wrong)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    if field is not None:
        assert [entry["field"] for entry in answer.json()["fields"]] == [field]


async def test_inputs_are_those_that_the_task_takes(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song = await user.track()
    await user.post("/jobs", {"item": song, "task": "separation"})
    claim = await catalogue.claim(TaskName.SEPARATION)
    await catalogue.finish(claim, separated(), stems(Stem.DRUMS, Stem.BASS))
    files = {a["name"]: a["id"] for a in (await user.get(f"/items/{song}/artifacts"))["items"]}
    bass = await user.post("/jobs", {"item": song, "task": "midi", "inputs": [files["bass.flac"]]})
    assert bass["inputs"] == [files["bass.flac"]]
    for inputs in (
        [files["bass.flac"], files["drums.flac"]],
        [files["peaks.dat"]],
        [files["original.bin"]],
    ):
        answer = await user.http.post(
            "/v1/jobs", json={"item": song, "task": "midi", "inputs": inputs}
        )
        assert answer.status_code == 422
        assert "midi takes one of" in answer.json()["detail"]
    (drums,) = [
        c for c in (await user.get("/items", parent=song))["items"]
        if c["lineage"]["stem"] == "drums"
    ]  # fmt: skip
    answer = await user.http.post(
        "/v1/jobs", json={"item": drums["id"], "task": "midi", "inputs": [files["bass.flac"]]}
    )
    assert (answer.status_code, answer.json()["fields"][0]["field"]) == (422, "body.inputs")
    job = await user.post(
        "/jobs",
        {
            "item": song,
            "task": "analysis",
            "inputs": [files["canonical.flac"], files["bass.flac"], files["drums.flac"]],
        },
    )
    assert len(job["inputs"]) == 3


async def test_a_queued_job_is_cancelled_at_once_and_can_be_requested_again(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    song = await user.track()
    job = await user.post("/jobs", {"item": song, "task": "midi"})
    assert (await user.http.post(f"/v1/jobs/{job['id']}/retry")).status_code == 409
    cancelled = await user.post(f"/jobs/{job['id']}/cancel")
    assert cancelled["state"] == "cancelled"
    assert (await user.post(f"/jobs/{job['id']}/cancel"))["state"] == "cancelled"
    assert await catalogue.idle(TaskName.MIDI)
    again = await user.post(f"/jobs/{job['id']}/retry", key="r")
    assert (again["retry_of"], again["state"]) == (job["id"], "queued")
    assert (await user.post(f"/jobs/{job['id']}/retry", key="r"))["id"] == again["id"]


async def test_a_cancelled_ingest_leaves_no_item_that_waits_for_ever(catalogue: Catalogue) -> None:
    user = catalogue.user()
    done = await user.upload(b"z" * 10)
    await user.post(f"/jobs/{done['job']}/cancel")
    item = await user.get(f"/items/{done['item']}")
    assert item["state"] == "rejected"
    assert "cancelled" in item["rejection"]


async def test_an_owner_has_so_many_jobs_waiting(library_url: str, tmp_path: Any) -> None:
    async with open_catalogue(library_url, tmp_path, LibrarySettings(owner_queued=2)) as catalogue:
        user = catalogue.user()
        song = await user.track()
        for _ in range(2):
            await user.post("/jobs", {"item": song, "task": "midi", "force": True})
        answer = await user.http.post(
            "/v1/jobs", json={"item": song, "task": "midi", "force": True}
        )
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "30")
        answer = await user.http.post(
            "/v1/runs", json={"item": song, "pipeline": "midi", "force": True}
        )
        assert answer.status_code == 429
        other = catalogue.user()
        await other.post("/jobs", {"item": await other.track(), "task": "midi"})


async def test_tasks_are_described_and_offered_while_workers_ask(catalogue: Catalogue) -> None:
    user = catalogue.user()
    before = {t["name"]: t for t in (await user.get("/tasks"))["items"]}
    assert not before["midi"]["offered"]
    assert before["midi"]["params"]["properties"]["onset_threshold"]["default"] == 0.55
    assert await catalogue.idle(TaskName.MIDI)
    after = {t["name"]: t["offered"] for t in (await user.get("/tasks"))["items"]}
    assert after["midi"]
    assert not after["separation"]


async def test_the_feed_shows_everything_once_in_order(catalogue: Catalogue) -> None:
    user, other = catalogue.user(), catalogue.user()
    begin = await user.get("/feed")
    assert begin["items"] == []
    song = await user.track()
    await other.track()
    job = await user.post("/jobs", {"item": song, "task": "midi"})
    await catalogue.finish(await catalogue.claim(TaskName.MIDI), MIDI, MIDI_FILES)
    seen: list[Any] = []
    after = begin["next"]
    while True:
        piece = await user.get("/feed", after=after, limit=3)
        seen += piece["items"]
        after = piece["next"]
        if not piece["more"]:
            break
    types = [e["type"] for e in seen]
    assert types[:3] == ["item.added", "artifact.added", "job.queued"]
    assert types[-1] == "job.succeeded" or "artifact.added" in types[-2:]
    assert len({e["id"] for e in seen}) == len(seen)
    assert all(e["subject"] == {"kind": "item", "id": song} for e in seen)
    assert (await user.get("/feed", after=after))["items"] == []
    whole = (await user.get("/feed", after="start", limit=200))["items"]
    assert whole == seen
    mine = [e["type"] for e in (await user.get("/feed", after="start", job=job["id"]))["items"]]
    assert [t for t in mine if t.startswith("job.")] == [
        "job.queued",
        "job.running",
        "job.succeeded",
    ]
    behind = await user.get("/feed", after=seen[4]["id"], limit=200)
    assert behind["items"] == seen[5:]
    strange = await other.http.get("/v1/feed", params={"after": seen[4]["id"]})
    assert strange.status_code == 410
    assert (await user.http.get("/v1/feed", params={"after": "nonsense"})).status_code == 422


async def test_a_deleted_owner_leaves_no_rows(catalogue: Catalogue) -> None:
    user, other = catalogue.user(), catalogue.user()
    song = await user.track()
    kept = await other.track()
    await user.post("/pipelines", {"name": "p", "steps": [{"name": "m", "task": "midi"}]})
    await user.post("/runs", {"item": song, "pipeline": "midi"}, key="k")
    await user.open(b"half" * 1000)
    await catalogue.server.deletions.delete_owner(OwnerId(user.owner))
    async with catalogue.database.session() as session:
        for name, table in METADATA.tables.items():
            if "owner" in table.columns:
                rows = await session.execute(
                    select(table).where(table.columns["owner"] == user.owner)
                )
                assert rows.all() == [], name
    await sweep(catalogue)
    assert {path.split("/")[0] for path in await stored(catalogue)} == {other.owner}
    assert [u async for u in catalogue.objects.uploads(Bucket.ORIGINALS, user.owner)] == []
    assert (await user.http.get(f"/v1/items/{song}")).status_code == 404
    assert (await other.get(f"/items/{kept}"))["state"] == "ready"
    assert await catalogue.idle(TaskName.MIDI)
