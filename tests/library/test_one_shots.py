"""One-shots that are uploaded as such are tagged at once."""

from contracts.items import ArtifactKind, ItemKind
from contracts.jobs import TaskName
from contracts.tagging import SoundClass, TaggingResult
from tests.library.catalogue import Catalogue, WorkerFile
from tests.library.test_runs import SLICING

KICK = TaggingResult(
    song=(),
    samples=1,
    classes={SoundClass.KICK: 1},
    silent=0,
    embeddings=1,
    duration=0.4,
    engine="fake",
    weights="fake",
)
FILES = {
    "tags.json": WorkerFile(ArtifactKind.TAGS, "application/json"),
    "embeddings.npz": WorkerFile(ArtifactKind.EMBEDDING, "application/zip"),
}


async def test_a_one_shot_is_tagged_as_soon_as_it_is_ingested(catalogue: Catalogue) -> None:
    user = catalogue.user()
    assert await catalogue.idle(TaskName.TAGGING)
    upload = await user.upload(b"a kick" * 100, kind="sample")
    await catalogue.ingest_next(kind=ItemKind.SAMPLE)
    claim = await catalogue.claim(TaskName.TAGGING)
    assert claim.item.id == upload["item"]
    assert claim.item.kind is ItemKind.SAMPLE
    assert [source.kind for source in claim.inputs] == [ArtifactKind.CANONICAL]
    await catalogue.finish(claim, KICK, FILES)
    (job,) = (await user.get("/jobs", item=upload["item"], task="tagging"))["items"]
    assert (job["state"], job["result"]["classes"]) == ("succeeded", {"kick": 1})
    # Who asks by hand is given what is there.
    again = await user.post("/jobs", {"item": upload["item"], "task": "tagging"})
    assert again["id"] == job["id"]


async def test_what_ingest_finds_to_be_a_sample_is_one(catalogue: Catalogue) -> None:
    assert await catalogue.idle(TaskName.TAGGING)
    await catalogue.user().upload(b"a hit" * 100)
    await catalogue.ingest_next(kind=ItemKind.SAMPLE)
    assert (await catalogue.claim(TaskName.TAGGING)).item.kind is ItemKind.SAMPLE


async def test_a_song_is_not_tagged_before_somebody_asks(catalogue: Catalogue) -> None:
    assert await catalogue.idle(TaskName.TAGGING)
    await catalogue.user().track()
    assert await catalogue.idle(TaskName.TAGGING)


async def test_a_server_without_a_tagger_leaves_no_job_waiting(catalogue: Catalogue) -> None:
    user = catalogue.user()
    upload = await user.upload(b"a clap" * 100, kind="sample")
    await catalogue.ingest_next(kind=ItemKind.SAMPLE)
    jobs = (await user.get("/jobs", item=upload["item"]))["items"]
    assert [job["task"] for job in jobs] == ["ingest"]
    assert (await user.get(f"/items/{upload['item']}"))["state"] == "ready"


async def test_slices_of_a_stem_are_one_tagging_job(catalogue: Catalogue) -> None:
    user = catalogue.user()
    assert await catalogue.idle(TaskName.TAGGING)
    song = await user.track()
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
    claim = await catalogue.claim(TaskName.SLICING)
    await catalogue.finish(
        claim,
        SLICING,
        {
            f"{name}.flac": WorkerFile(kind, item=ItemKind.SAMPLE)
            for name, kind in (
                ("hit-1", ArtifactKind.SAMPLE),
                ("hit-2", ArtifactKind.SAMPLE),
                ("loop-1", ArtifactKind.LOOP),
            )
        },
    )
    claim = await catalogue.claim(TaskName.TAGGING)
    assert [source.name for source in claim.inputs] == ["hit-1.flac", "hit-2.flac", "loop-1.flac"]
    assert await catalogue.idle(TaskName.TAGGING)
