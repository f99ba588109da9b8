"""What can be asked of work: stems, parameters by step, weights that are there, a place in line."""

from datetime import timedelta
from typing import Any

from contracts.ids import WorkerId
from contracts.items import ArtifactKind, ItemKind
from contracts.jobs import ClaimRequest, Producer, TaskName
from contracts.music import Stem
from contracts.tasks import TASKS
from kit.clock import new_id
from services.library.catalogue.artifacts import fit_name, split_name
from services.library.catalogue.item_facts import ITEM_SUBJECTS
from services.library.catalogue.tables import ArtifactRow, ItemRow
from services.library.jobs import claims
from services.library.jobs.tables import JobRow
from services.library.routes.artifacts import file_name
from tests.library.catalogue import (
    ANALYSIS,
    MIDI,
    MIDI_FILES,
    SLICING,
    Catalogue,
    User,
    WorkerFile,
    good,
    separated,
    stems,
)
from tests.library.test_one_shots import FILES, KICK

DRUM_FILES = {
    "drums-hit-0000.flac": WorkerFile(ArtifactKind.SAMPLE, stem=Stem.DRUMS, item=ItemKind.SAMPLE),
    "slices.json": WorkerFile(ArtifactKind.SLICES, "application/json", stem=Stem.DRUMS),
}


async def offer_weights(catalogue: Catalogue, task: TaskName, *weights: str) -> None:
    """Ask for work as a worker that has weights."""
    producer = Producer(
        engine="fake", version="1", weights=", ".join(weights), fingerprint=f"{len(weights):064d}"
    )
    request = ClaimRequest(task=task, worker=WorkerId(new_id()), producer=producer)
    async with catalogue.database.transaction() as session:
        assert not await claims.claim(
            session, request, policy=catalogue.server.policy, subjects=ITEM_SUBJECTS
        )


async def refused(user: User, path: str, body: Any, status: int = 422) -> Any:
    answer = await user.http.post(f"/v1{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_an_upload_that_is_a_stem_is_worked_on_as_one(catalogue: Catalogue) -> None:
    user = catalogue.user()
    upload = await user.upload(b"beats" * 1000, stem="drums")
    claim = await catalogue.ingest_next(kind=ItemKind.STEM)
    assert claim.item.declared is ItemKind.STEM
    item = await user.get(f"/items/{upload['item']}")
    assert (item["stem"], item["kind"], item["lineage"]) == ("drums", "stem", None)
    await user.post("/jobs", {"item": item["id"], "task": "slicing"})
    (source,) = (await catalogue.claim(TaskName.SLICING)).inputs
    assert (source.kind, source.stem) == (ArtifactKind.CANONICAL, Stem.DRUMS)


async def test_a_stem_can_be_set_later_and_removed(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song = await user.track()
    for stem in ("bass", None):
        answer = await user.http.patch(f"/v1/items/{song}", json={"stem": stem})
        assert good(answer)["stem"] == stem
        await user.post("/jobs", {"item": song, "task": "midi"})
        claim = await catalogue.claim(TaskName.MIDI)
        assert claim.inputs[0].stem == stem
        await catalogue.finish(claim, MIDI, MIDI_FILES)
    answer = await user.http.patch(f"/v1/items/{song}", json={"stem": "mix"})
    assert answer.status_code == 422


async def test_a_drum_track_needs_no_separation(catalogue: Catalogue) -> None:
    user = catalogue.user()
    for task in TASKS:
        assert await catalogue.idle(task)
    song = await user.track()
    problem = await refused(user, "/runs", {"item": song, "pipeline": "drums"}, 409)
    assert "cratedig edit ITEM --stem drums" in problem["detail"]
    good(await user.http.patch(f"/v1/items/{song}", json={"stem": "drums"}))
    run = await user.post("/runs", {"item": song, "pipeline": "drums"})
    await catalogue.finish(await catalogue.claim(TaskName.ANALYSIS), ANALYSIS)
    claim = await catalogue.claim(TaskName.SLICING)
    assert claim.inputs[0].stem is Stem.DRUMS
    await catalogue.finish(claim, SLICING, DRUM_FILES)
    await catalogue.finish(await catalogue.claim(TaskName.TAGGING), KICK, FILES)
    claim = await catalogue.claim(TaskName.MIDI)
    assert [(source.kind, source.stem) for source in claim.inputs] == [
        (ArtifactKind.CANONICAL, Stem.DRUMS),
        (ArtifactKind.SLICES, Stem.DRUMS),
        (ArtifactKind.TAGS, None),
    ]
    await catalogue.finish(claim, MIDI, MIDI_FILES)
    done = await user.get(f"/runs/{run['id']}")
    assert done["state"] == "succeeded"
    assert "separation" not in str(done["steps"])


async def test_a_run_takes_parameters_by_step(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song = await user.track()
    body = {"item": song, "pipeline": "stems", "params": {"separation": {"shifts": 2}}}
    run = await user.post("/runs", {**body, "priority": "batch"})
    (job,) = (await user.get("/jobs", run=run["id"]))["items"]
    assert (job["params"]["shifts"], job["priority"]) == (2, "batch")
    # The pipeline itself is as it was.
    pipeline = await user.get("/pipelines/stems")
    assert pipeline["spec"]["steps"][0]["params"] == {}
    (field,) = (await refused(user, "/runs", body | {"params": {"midi": {}}}))["fields"]
    assert field["field"] == "body.params.midi"
    assert "it has separation" in field["message"]
    wrong = body | {"params": {"separation": {"shifts": 99, "colour": "blue"}}}
    problem = await refused(user, "/runs", wrong)
    messages = {field["field"]: field["message"] for field in problem["fields"]}
    assert set(messages) == {"body.params.separation.shifts", "body.params.separation.colour"}
    assert "there are weights, stems" in messages["body.params.separation.colour"]


async def test_weights_that_no_worker_has_are_refused(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    song = await user.track()
    job = {"item": song, "task": "separation", "params": {"weights": "htdemucs_ft"}}
    run = {"item": song, "pipeline": "full", "params": {"separation": {"weights": "htdemucs_ft"}}}
    await offer_weights(catalogue, TaskName.SEPARATION, "spleeter-2stems", "htdemucs")
    for path, body, field in (
        ("/jobs", job, "body.params.weights"),
        ("/runs", run, "body.params.separation.weights"),
    ):
        (problem_field,) = (await refused(user, path, body))["fields"]
        assert problem_field["field"] == field
        assert "choose from spleeter-2stems, htdemucs," in problem_field["message"]
    # Another worker has them, as one file for each stem.
    await offer_weights(
        catalogue, TaskName.SEPARATION, "htdemucs_ft-drums", "htdemucs_ft-bass", "x"
    )
    await user.post("/jobs", job)
    await user.post("/runs", run)


async def test_weights_are_not_checked_before_a_worker_reported_its_own(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    body = {"item": await user.track(), "task": "separation", "params": {"weights": "htdemucs"}}
    assert (await user.post("/jobs", body))["state"] == "queued"


async def test_a_job_that_waits_says_where_and_for_what(catalogue: Catalogue) -> None:
    user, other = catalogue.user(), catalogue.user()
    song, theirs = await user.track(), await other.track(b"another" * 500)

    async def ask(who: User, item: str, threshold: float, **more: Any) -> str:
        params = {"onset_threshold": threshold}
        body = {"item": item, "task": "midi", "params": params, **more}
        return str((await who.post("/jobs", body))["id"])

    async def queue(job: str, who: User = user) -> Any:
        return (await who.get(f"/jobs/{job}"))["queue"]

    alone = await ask(user, song, 0.1)
    assert (await queue(alone))["waiting_for"] == "worker"
    # One comes, takes it, and is busy with it.
    assert (await catalogue.claim(TaskName.MIDI)).job == alone
    assert await queue(alone) is None
    batch = await ask(user, song, 0.2, priority="batch")
    first = await ask(other, theirs, 0.3)
    second = await ask(user, song, 0.4)
    states = [await queue(first, other), await queue(second), await queue(batch)]
    assert [state["position"] for state in states] == [1, 2, 3]
    assert [state["waiting_for"] for state in states] == ["room", "others", "others"]
    assert all(state["message"] for state in states)
    # A list says the same of each.
    listed = (await user.get("/jobs", item=song, task="midi"))["items"]
    of_list = {job["id"]: job["queue"] for job in listed}
    assert of_list == {alone: None, second: states[1], batch: states[2]}


async def test_a_job_that_is_tried_again_says_when(catalogue: Catalogue) -> None:
    user = catalogue.user()
    assert await catalogue.idle(TaskName.MIDI)
    job = await user.post("/jobs", {"item": await user.track(), "task": "midi"})
    async with catalogue.database.transaction() as session:
        row = await session.get_one(JobRow, job["id"])
        row.not_before += timedelta(hours=1)
    waits = (await user.get(f"/jobs/{job['id']}"))["queue"]
    assert waits["waiting_for"] == "retry"
    assert "UTC" in waits["message"]


async def test_songs_can_be_listed_without_their_stems(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song = await user.track()
    await user.post("/runs", {"item": song, "pipeline": "stems"})
    claim = await catalogue.claim(TaskName.SEPARATION)
    await catalogue.finish(claim, separated(), stems(Stem.VOCALS, Stem.BASS))
    roots = (await user.get("/items", roots=True))["items"]
    assert [item["id"] for item in roots] == [song]
    cut = (await user.get("/items", roots=False))["items"]
    assert {item["stem"] for item in cut} == {"vocals", "bass"}


async def test_an_upload_leads_to_the_tagging_of_its_sample(catalogue: Catalogue) -> None:
    user = catalogue.user()
    assert await catalogue.idle(TaskName.TAGGING)
    upload = await user.upload(b"a kick" * 100, kind="sample")
    assert (await user.get(f"/uploads/{upload['id']}"))["tagging"] is None
    await catalogue.ingest_next(kind=ItemKind.SAMPLE)
    claim = await catalogue.claim(TaskName.TAGGING)
    assert (await user.get(f"/uploads/{upload['id']}"))["tagging"] == claim.job


async def test_workers_name_a_song_without_its_suffix(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song = await user.track(name="plain.wav")
    await user.post("/jobs", {"item": song, "task": "midi"})
    assert (await catalogue.claim(TaskName.MIDI)).item.name == "plain"


def test_a_suffix_is_kept_in_a_shortened_name_and_dropped_in_a_parts_name() -> None:
    assert fit_name("曲" * 400 + ".flac") == "曲" * 83 + ".flac"
    assert split_name("Vol. 2") == ("Vol. 2", "")
    assert split_name("plain.WAV") == ("plain", ".WAV")

    def downloaded(title: str, **facts: str) -> str:
        item = ItemRow.model_construct(name=title)
        return file_name(item, ArtifactRow.model_construct(**{"stem": None, **facts}))

    vocals = {"kind": "stem", "name": "vocals.flac", "stem": "vocals"}
    assert downloaded("plain.wav", **vocals) == "plain – vocals.flac"
    assert downloaded("می\u200cخواهم 🎛️.wav", **vocals) == "می\u200cخواهم 🎛️ – vocals.flac"
    assert downloaded("a\u202eb/c.wav", kind="original", name="original.bin") == "a_b_c.wav"
