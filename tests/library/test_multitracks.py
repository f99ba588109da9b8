"""Multitracks: songs of the user's own stems, on SQLite and on Postgres."""

from contracts.ingest import CANONICAL
from contracts.items import ArtifactKind, ItemKind
from contracts.jobs import TaskName
from contracts.music import Stem
from contracts.tasks import TASKS
from tests.library.catalogue import (
    ANALYSIS,
    AUDIO,
    CANONICAL_FILE,
    PEAKS,
    Catalogue,
    User,
    WorkerFile,
    ingested,
)


async def parts_of(user: User, *stems: str) -> list[str]:
    return [
        await user.track(stem.encode() * 100 + bytes([n]), name=f"{stem}.wav", stem=stem)
        for n, stem in enumerate(stems)
    ]


async def test_a_song_of_own_stems_is_not_separated(catalogue: Catalogue) -> None:
    for task in TASKS:
        # Pipelines leave out tasks that no worker asks for.
        assert await catalogue.idle(task)
    user = catalogue.user()
    drums, voice = await parts_of(user, "drums", "vocals")
    body = {"name": "Mine", "parts": [{"item": drums}, {"item": voice, "stem": "vocals"}]}
    multitrack = await user.post("/multitracks", body, key="once")
    assert await user.post("/multitracks", body, key="once") == multitrack
    song = multitrack["item"]["id"]
    assert (multitrack["item"]["kind"], multitrack["item"]["state"]) == ("track", "ingesting")
    # No item is a part of two songs.
    again = await user.http.post("/v1/multitracks", json=body)
    assert (again.status_code, "already" in again.json()["detail"]) == (409, True)
    claim = await catalogue.claim(TaskName.INGEST)
    assert claim.job == multitrack["job"]
    assert [(ref.kind, ref.stem, ref.subject.id) for ref in claim.inputs] == [
        (ArtifactKind.CANONICAL, Stem.DRUMS, drums), (ArtifactKind.CANONICAL, Stem.VOCALS, voice)
    ]  # fmt: skip
    files = {
        CANONICAL: CANONICAL_FILE,
        "peaks.dat": PEAKS,
        **{
            f"{stem}.flac": WorkerFile(ArtifactKind.STEM, stem=stem, audio=AUDIO)
            for stem in (Stem.DRUMS, Stem.VOCALS)
        },
    }
    await catalogue.finish(claim, ingested(ItemKind.TRACK, {}), files)
    shown = await user.get(f"/items/{song}")
    assert (shown["state"], shown["kind"]) == ("ready", "track")
    children = (await user.get("/items", parent=song))["items"]
    assert {child["id"] for child in children} == {drums, voice}
    assert {(c["kind"], c["lineage"]["job"]) for c in children} == {("stem", None)}
    run = await user.post("/runs", {"item": song, "pipeline": "full"})
    assert await catalogue.idle(TaskName.SEPARATION)
    separation = run["steps"][0]
    assert (separation["jobs"], separation["states"]) == ([multitrack["job"]], ["succeeded"])
    analysis = await catalogue.claim(TaskName.ANALYSIS)
    assert {ref.stem for ref in analysis.inputs} == {None, Stem.DRUMS, Stem.VOCALS}
    await catalogue.finish(analysis, ANALYSIS)
    stems = {(await catalogue.claim(TaskName.SLICING)).inputs[1].stem for _ in range(2)}
    assert stems == {Stem.DRUMS, Stem.VOCALS}
    # What belongs to the song goes with it.
    assert (await user.http.delete(f"/v1/items/{song}")).status_code == 204
    assert (await user.http.get(f"/v1/items/{drums}")).status_code == 404


async def test_parts_that_do_not_fit_are_refused(catalogue: Catalogue) -> None:
    user = catalogue.user()
    (drums,) = await parts_of(user, "drums")
    song = await user.track(b"no stem" * 100)
    waiting = (await user.upload(b"not ready" * 50))["item"]
    for parts, status, words in (
        ([{"item": song}], 422, "has no stem"),
        ([{"item": drums}, {"item": drums}], 422, "named twice"),
        ([{"item": waiting, "stem": "bass"}], 409, "is ingesting"),
        ([{"item": drums, "stem": "mix"}], 422, "single part"),
        ([], 422, ""),
    ):
        answer = await user.http.post("/v1/multitracks", json={"name": "Mine", "parts": parts})
        assert answer.status_code == status, answer.text
        assert words in answer.text
    stranger = catalogue.user()
    answer = await stranger.http.post(
        "/v1/multitracks", json={"name": "Mine", "parts": [{"item": drums}]}
    )
    assert answer.status_code == 404
    assert (await user.get(f"/items/{drums}"))["lineage"] is None
