"""Runs: steps start when what they read is there, and one failure leaves the others' results."""

from typing import Any

import pytest

from contracts.analysis import TempoEstimate
from contracts.items import ArtifactKind, ItemKind
from contracts.jobs import Claim, TaskName
from contracts.music import Stem
from contracts.pipelines import PipelineSpec
from contracts.tasks import TASKS
from services.library.pipelines.builtin import builtin_pipelines
from services.library.pipelines.store import check_steps
from tests.library.catalogue import (
    ANALYSIS,
    MIDI,
    MIDI_FILES,
    SLICING,
    Catalogue,
    User,
    WorkerFile,
    separated,
    stems,
)

STEMS_THEN_MIDI = {
    "name": "notes-of-stems",
    "steps": [
        {"name": "separation", "task": "separation"},
        {
            "name": "midi",
            "task": "midi",
            "inputs": [
                {"step": "separation", "kind": "stem", "stems": ["bass", "vocals", "piano"]}
            ],
        },
        {
            "name": "slicing",
            "task": "slicing",
            "inputs": [{"step": "separation", "kind": "stem", "stems": ["guitar"]}],
        },
    ],
}
ANALYSIS_FILE = {"analysis.json": WorkerFile(ArtifactKind.ANALYSIS, "application/json")}


async def begin(user: User, pipeline: Any, **fields: Any) -> tuple[str, Any]:
    for task in TASKS:
        assert await user.catalogue.idle(task)
    song = await user.track()
    return song, await user.post("/runs", {"item": song, "pipeline": pipeline, **fields})


def steps(run: Any) -> dict[str, Any]:
    return {step["name"]: step for step in run["steps"]}


async def separate(catalogue: Catalogue, *names: Stem) -> Claim:
    claim = await catalogue.claim(TaskName.SEPARATION)
    await catalogue.finish(claim, separated(), stems(*names))
    return claim


async def test_steps_fan_out_over_what_came_before(catalogue: Catalogue) -> None:
    user = catalogue.user()
    _, run = await begin(user, STEMS_THEN_MIDI)
    assert (run["state"], run["progress"]["message"]) == ("running", "separation")
    assert await catalogue.idle(TaskName.MIDI)
    await separate(catalogue, Stem.DRUMS, Stem.BASS, Stem.VOCALS)
    claims = [await catalogue.claim(TaskName.MIDI) for _ in range(2)]
    assert {claim.inputs[0].stem for claim in claims} == {Stem.BASS, Stem.VOCALS}
    assert await catalogue.idle(TaskName.MIDI)
    seen = await user.get(f"/runs/{run['id']}")
    assert 0.7 < seen["progress"]["fraction"] < 1
    assert "guitar" not in str(steps(seen)["slicing"]["jobs"])
    assert steps(seen)["slicing"]["skip_reason"]
    for claim in claims:
        await catalogue.finish(claim, MIDI, MIDI_FILES)
    done = await user.get(f"/runs/{run['id']}")
    assert (done["state"], done["progress"]["fraction"]) == ("succeeded", 1.0)
    assert steps(done)["midi"]["states"] == ["succeeded", "succeeded"]
    jobs = (await user.get("/jobs", run=run["id"]))["items"]
    assert len(jobs) == 3


async def test_a_failure_leaves_the_others_results(catalogue: Catalogue) -> None:
    user = catalogue.user()
    _, run = await begin(user, STEMS_THEN_MIDI)
    await separate(catalogue, Stem.BASS, Stem.VOCALS, Stem.GUITAR)
    first, second = [await catalogue.claim(TaskName.MIDI) for _ in range(2)]
    await catalogue.reject(first)
    await catalogue.finish(second, MIDI, MIDI_FILES)
    assert (await user.get(f"/runs/{run['id']}"))["state"] == "running"
    await catalogue.skip(await catalogue.claim(TaskName.SLICING))
    done = await user.get(f"/runs/{run['id']}")
    assert done["state"] == "partial"
    assert sorted(steps(done)["midi"]["states"]) == ["failed", "succeeded"]


async def test_what_failed_is_left_out_and_steps_without_inputs_are_skipped(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    _, run = await begin(user, STEMS_THEN_MIDI)
    await catalogue.reject(await catalogue.claim(TaskName.SEPARATION))
    done = await user.get(f"/runs/{run['id']}")
    assert done["state"] == "failed"
    assert steps(done)["midi"]["jobs"] == []
    assert "separation" in steps(done)["midi"]["skip_reason"]
    assert await catalogue.idle(TaskName.MIDI)


async def test_an_analysis_reads_the_stems_and_slicing_reads_the_analysis(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    _, run = await begin(user, "samples")
    await separate(catalogue, Stem.DRUMS, Stem.VOCALS)
    claim = await catalogue.claim(TaskName.ANALYSIS)
    assert [i.kind for i in claim.inputs] == ["canonical", "stem", "stem"]
    assert await catalogue.idle(TaskName.SLICING)
    await catalogue.finish(claim, ANALYSIS, ANALYSIS_FILE)
    for _ in range(2):
        claim = await catalogue.claim(TaskName.SLICING)
        # The song comes first: it tells whether there is anything in the stem.
        assert [i.kind for i in claim.inputs] == ["canonical", "stem", "analysis"]
        stem = claim.inputs[1].stem
        hit = WorkerFile(ArtifactKind.SAMPLE, stem=stem, item=ItemKind.SAMPLE)
        await catalogue.finish(claim, SLICING, {f"{stem}-hit.flac": hit})
    while await has_queued(user, TaskName.TAGGING):
        await catalogue.skip(await catalogue.claim(TaskName.TAGGING))
    done = await user.get(f"/runs/{run['id']}")
    assert done["state"] == "succeeded"


async def has_queued(user: User, task: TaskName) -> bool:
    return bool((await user.get("/jobs", task=task.value, state="queued"))["items"])


async def test_a_failed_analysis_does_not_keep_slicing_from_starting(catalogue: Catalogue) -> None:
    user = catalogue.user()
    await begin(user, "samples")
    await separate(catalogue, Stem.DRUMS)
    await catalogue.reject(await catalogue.claim(TaskName.ANALYSIS))
    claim = await catalogue.claim(TaskName.SLICING)
    assert [i.kind for i in claim.inputs] == ["canonical", "stem"]


async def test_what_no_worker_does_is_left_out_of_the_servers_pipelines(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    song = await user.track()
    run = await user.post("/runs", {"item": song, "pipeline": "samples"})
    # The first step waits for its worker, whoever that may be.
    await separate(catalogue, Stem.DRUMS)
    done = await user.get(f"/runs/{run['id']}")
    assert done["state"] == "succeeded"
    assert steps(done)["slicing"]["skip_reason"] == "skipped: no worker for slicing on this server"
    # What a user put together waits.
    mine = await user.post("/runs", {"item": song, "pipeline": STEMS_THEN_MIDI})
    assert (mine["state"], steps(mine)["midi"]["skip_reason"]) == (
        "succeeded", "skipped: separation produced no input",
    )  # fmt: skip
    notes = {"name": "midi", "task": "midi", "inputs": [{"step": "s", "kind": "stem"}]}
    own = {"name": "own", "steps": [{"name": "s", "task": "separation"}, notes]}
    mine = await user.post("/runs", {"item": song, "pipeline": own})
    assert (mine["state"], steps(mine)["midi"]["states"]) == ("running", ["queued"])


async def test_asking_again_reuses_what_exists(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song, run = await begin(user, STEMS_THEN_MIDI)
    await separate(catalogue, Stem.BASS)
    await catalogue.finish(await catalogue.claim(TaskName.MIDI), MIDI, MIDI_FILES)
    first = await user.get(f"/runs/{run['id']}")
    answer = await user.http.post("/v1/runs", json={"item": song, "pipeline": STEMS_THEN_MIDI})
    again = answer.json()
    assert (answer.status_code, again["state"]) == (200, "succeeded")
    assert [s["jobs"] for s in again["steps"]] == [s["jobs"] for s in first["steps"]]
    forced = await user.post("/runs", {"item": song, "pipeline": STEMS_THEN_MIDI, "force": True})
    assert forced["state"] == "running"
    assert steps(forced)["separation"]["jobs"] != steps(first)["separation"]["jobs"]


async def test_a_tempo_that_was_found_spoils_no_reuse(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song, run = await begin(user, "full")
    await separate(catalogue, Stem.BASS)
    # The notes wait for the analysis, whose tempo they are written with.
    assert await catalogue.idle(TaskName.MIDI)
    tempo = TempoEstimate(
        bpm=97.0,
        confidence=0.9,
        steadiness=0.9,
        candidates=(),
        beats_per_bar=4,
        downbeat_confidence=0.5,
    )
    analysis = ANALYSIS.model_copy(update={"tempo": tempo})
    await catalogue.finish(await catalogue.claim(TaskName.ANALYSIS), analysis, ANALYSIS_FILE)
    assert (await user.get(f"/items/{song}"))["bpm"] == 97.0
    claim = await catalogue.claim(TaskName.MIDI)
    assert claim.item.bpm == 97.0
    await catalogue.finish(claim, MIDI, MIDI_FILES)
    for task in (TaskName.TAGGING, TaskName.TRANSCRIBE):
        while await has_queued(user, task):
            await catalogue.skip(await catalogue.claim(task))
    done = await user.get(f"/runs/{run['id']}")
    assert done["state"] == "succeeded"
    again = await user.post("/runs", {"item": song, "pipeline": "full"})
    assert [s["jobs"] for s in again["steps"]] == [s["jobs"] for s in done["steps"]]
    # The user knows better: what depends on the tempo is done again, the rest is not.
    assert (await user.http.patch(f"/v1/items/{song}", json={"bpm": 194.0})).is_success
    anew = await user.post("/runs", {"item": song, "pipeline": "full"})
    changed = [
        s["name"] for s, t in zip(anew["steps"], done["steps"], strict=True)
        if s["jobs"] != t["jobs"]
    ]  # fmt: skip
    assert changed == ["midi"]


async def test_two_runs_share_a_job_that_is_under_way(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song, first = await begin(user, "stems")
    second = await user.post("/runs", {"item": song, "pipeline": STEMS_THEN_MIDI})
    assert steps(second)["separation"]["jobs"] == steps(first)["separation"]["jobs"]
    # Cancelling the one leaves the job to the other, which still waits for it.
    gone = await user.post(f"/runs/{first['id']}/cancel")
    assert gone["state"] == "cancelled"
    await separate(catalogue, Stem.BASS)
    await catalogue.finish(await catalogue.claim(TaskName.MIDI), MIDI, MIDI_FILES)
    assert (await user.get(f"/runs/{second['id']}"))["state"] == "succeeded"
    assert (await user.get(f"/runs/{first['id']}"))["state"] == "cancelled"


async def test_cancelling_a_run_stops_its_jobs(catalogue: Catalogue) -> None:
    user = catalogue.user()
    _, run = await begin(user, STEMS_THEN_MIDI)
    await separate(catalogue, Stem.BASS, Stem.VOCALS)
    running = await catalogue.claim(TaskName.MIDI)
    cancelled = await user.post(f"/runs/{run['id']}/cancel")
    assert cancelled["state"] == "running"
    assert sorted(steps(cancelled)["midi"]["states"]) == ["cancelled", "running"]
    job = await user.get(f"/jobs/{running.job}")
    assert job["cancel_requested"]
    await catalogue.reject(running)
    done = await user.get(f"/runs/{run['id']}")
    assert (done["state"], steps(done)["separation"]["states"]) == ("cancelled", ["succeeded"])
    assert (await user.post(f"/runs/{run['id']}/cancel"))["state"] == "cancelled"


async def test_a_run_needs_an_item_that_is_ready(catalogue: Catalogue) -> None:
    user = catalogue.user()
    done = await user.upload(b"x" * 100)
    answer = await user.http.post("/v1/runs", json={"item": done["item"], "pipeline": "midi"})
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")


async def test_a_run_with_a_key_begins_once(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song = await user.track()
    body = {"item": song, "pipeline": "stems"}
    first = await user.post("/runs", body, key="once")
    second = await user.post("/runs", body, key="once")
    assert first["id"] == second["id"]
    assert len((await user.get("/runs", item=song))["items"]) == 1


async def test_pipelines_are_stored_changed_and_deleted(catalogue: Catalogue) -> None:
    user = catalogue.user()
    created = await user.post("/pipelines", STEMS_THEN_MIDI)
    assert (created["builtin"], created["spec"]["name"]) == (False, "notes-of-stems")
    names = [p["spec"]["name"] for p in (await user.get("/pipelines"))["items"]]
    assert names == [*builtin_pipelines(), "notes-of-stems"]
    assert (await user.http.post("/v1/pipelines", json=STEMS_THEN_MIDI)).status_code == 409
    changed = {**STEMS_THEN_MIDI, "title": "Notes"}
    put = await user.http.put("/v1/pipelines/notes-of-stems", json=changed)
    assert put.json()["spec"]["title"] == "Notes"
    assert (await user.http.put("/v1/pipelines/other", json=changed)).status_code == 422
    assert (await user.http.put("/v1/pipelines/midi", json=changed)).status_code == 409
    assert (await user.http.delete("/v1/pipelines/midi")).status_code == 409
    other = catalogue.user()
    assert (await other.http.get("/v1/pipelines/notes-of-stems")).status_code == 404
    assert (await other.http.delete("/v1/pipelines/notes-of-stems")).status_code == 404
    await other.post("/pipelines", STEMS_THEN_MIDI)
    _, run = await begin(user, "notes-of-stems")
    assert run["pipeline"]["title"] == "Notes"
    assert (await user.http.delete("/v1/pipelines/notes-of-stems")).status_code == 204
    assert (await user.http.get("/v1/pipelines/notes-of-stems")).status_code == 404
    assert (await user.get(f"/runs/{run['id']}"))["pipeline"]["title"] == "Notes"


@pytest.mark.parametrize(
    ("step", "field"),
    [
        ({"name": "a", "task": "midi", "params": {"onset_threshold": 7}}, "params.onset_threshold"),
        ({"name": "a", "task": "midi", "params": {"colour": "blue"}}, "params.colour"),
        ({"name": "a", "task": "ingest"}, "task"),
        ({"name": "a", "task": "cook"}, "task"),
        ({"name": "A b", "task": "midi"}, "name"),
        (
            {"name": "a", "task": "midi", "inputs": [{"step": "s", "kind": "lyrics"}]},
            "inputs",
        ),
        (
            {
                "name": "a",
                "task": "midi",
                "inputs": [{"step": "s", "kind": "stem"}],
                "batch": True,
            },
            "batch",
        ),
    ],
)
async def test_a_wrong_step_is_named(
    catalogue: Catalogue, step: dict[str, Any], field: str
) -> None:
    user = catalogue.user()
    body = {"name": "mine", "steps": [{"name": "s", "task": "separation"}, step]}
    answer = await user.http.post("/v1/pipelines", json=body)
    assert answer.status_code == 422
    assert [f["field"] for f in answer.json()["fields"]] == [f"body.steps.1.{field}"]


async def test_steps_must_follow_each_other(catalogue: Catalogue) -> None:
    user = catalogue.user()
    late = {"name": "a", "task": "midi", "inputs": [{"step": "b", "kind": "stem"}]}
    body = {"name": "mine", "steps": [late, {"name": "b", "task": "separation"}]}
    answer = await user.http.post("/v1/pipelines", json=body)
    assert answer.status_code == 422
    assert "not an earlier step" in answer.text


def test_every_pipeline_of_the_server_is_one_that_a_user_could_store() -> None:
    assert {"midi", "stems", "samples", "full"} <= set(builtin_pipelines())
    for spec in builtin_pipelines().values():
        assert check_steps(PipelineSpec.model_validate(spec.model_dump(mode="json"))) == spec


def test_steps_of_tasks_that_do_not_exist_are_left_out() -> None:
    some = {TaskName.SEPARATION: 1, TaskName.SLICING: 1}
    pipelines = builtin_pipelines(some)
    assert set(pipelines) == {"stems", "samples", "drums", "full"}
    assert [s.name for s in pipelines["samples"].steps] == ["separation", "slicing"]
    assert pipelines["samples"].steps[1].side_inputs == ()
