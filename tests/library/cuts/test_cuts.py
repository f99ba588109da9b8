"""Cuts by hand: edited, rendered, undone, and kept, on SQLite and on Postgres."""

from typing import Any

import httpx

from contracts.cuts import Cut
from contracts.items import ArtifactKind, AudioFacts, ItemKind
from contracts.jobs import Claim, TaskName
from contracts.music import Stem
from contracts.slicing import (
    MACHINE_SLICES,
    USER_SLICES,
    Slice,
    SliceEnd,
    SliceKind,
    Slices,
    SlicingResult,
)
from tests.library.catalogue import (
    Catalogue,
    User,
    WorkerFile,
    separated,
    stems,
)
from tests.library.collections.crate import events

RATE, LENGTH = 44_100, 441_000
RANGES = ((0, 20_000), (22_050, 40_000), (44_100, 60_000), (66_150, 80_000))
"""Boundaries of the machine's cuts; the last has no file."""


def shots(ranges: tuple[tuple[int, int], ...] = RANGES, *, stored: int = 3) -> Slices:
    return Slices(
        sample_rate=RATE,
        samples=LENGTH,
        stem=Stem.DRUMS,
        slices=tuple(
            Slice(
                index=number, kind=SliceKind.ONE_SHOT, start=start, end=end, onset=start + 100,
                end_reason=SliceEnd.DECAY, strength=1.0, level_dbfs=-12.0, peak_dbfs=-6.0,
                file=f"drums-hit-{number:04d}.flac" if number < stored else None,
            )
            for number, (start, end) in enumerate(ranges)
        ),
    )  # fmt: skip


def sample_file(start: int, end: int, replaces: str | None = None) -> WorkerFile:
    samples = end - start
    audio = AudioFacts(duration=samples / RATE, sample_rate=RATE, channels=2, samples=samples)
    return WorkerFile(
        ArtifactKind.SAMPLE, stem=Stem.DRUMS, item=ItemKind.SAMPLE, start=start, end=end,
        audio=audio, replaces=replaces,
    )  # fmt: skip


async def sliced_song(catalogue: Catalogue, user: User) -> str:
    """Return a song with a drum stem and the machine's samples of it."""
    item = await user.track()
    await user.post("/jobs", {"item": item, "task": "separation"})
    await catalogue.finish(
        await catalogue.claim(TaskName.SEPARATION), separated(), stems(Stem.DRUMS, Stem.VOCALS)
    )
    (stem,) = [file for file in await files(user, item, "stem") if file["stem"] == "drums"]
    body = {"item": item, "task": "slicing", "inputs": [stem["id"]], "params": {"fade_out_ms": 5}}
    await user.post("/jobs", body)
    claim = await catalogue.claim(TaskName.SLICING)
    assert claim.cuts is None
    await store(catalogue, claim, shots(), MACHINE_SLICES)
    return item


async def files(user: User, item: str, kind: str) -> list[Any]:
    """Return the files of an item of a kind, the newest first."""
    listed = await user.get(f"/items/{item}/artifacts", limit=200)
    return [file for file in listed["items"] if file["kind"] == kind]


async def store(catalogue: Catalogue, claim: Claim, slices: Slices, name: str) -> None:
    replaces = {cut.number: cut.sample for cut in claim.cuts or ()}
    files = {
        piece.file: sample_file(piece.start, piece.end, replaces.get(piece.index))
        for piece in slices.slices
        if piece.file is not None
    }
    document = WorkerFile(
        ArtifactKind.SLICES, "application/json", stem=Stem.DRUMS,
        data=slices.model_dump_json().encode(),
    )  # fmt: skip
    result = SlicingResult(
        one_shots=len(slices.slices),
        loops=0,
        groups=1,
        stored=len(files),
        duration=10.0,
        by_user=name == USER_SLICES,
    )
    await catalogue.finish(claim, result, {**files, name: document})


def rendered(cuts: tuple[Cut, ...]) -> Slices:
    """Return what a worker makes of a user's cuts."""
    ranges = {cut.number: (cut.start, cut.end) for cut in cuts}
    pieces = shots(tuple(ranges.values())).slices
    return shots().model_copy(
        update={
            "slices": tuple(
                piece.model_copy(
                    update={
                        "index": cut.number,
                        "file": f"drums-hit-{cut.number:04d}.flac" if cut.stored else None,
                    }
                )
                for cut, piece in zip(cuts, pieces, strict=True)
            )
        }
    )


async def cuts_of(user: User, item: str) -> Any:
    return await user.get(f"/items/{item}/cuts", stem="drums")


async def edit(user: User, item: str, version: int, *edits: Any) -> httpx.Response:
    return await user.http.patch(
        f"/v1/items/{item}/cuts?stem=drums", json={"version": version, "edits": edits}
    )


async def render(catalogue: Catalogue, user: User, item: str) -> Claim:
    run = await user.post(f"/items/{item}/cuts/render?stem=drums")
    assert [step["name"] for step in run["steps"]] == ["separation", "slicing", "tagging"]
    assert await catalogue.idle(TaskName.SEPARATION)
    claim = await catalogue.claim(TaskName.SLICING)
    assert claim.cuts is not None
    await store(catalogue, claim, rendered(claim.cuts), USER_SLICES)
    return claim


def refused(answer: httpx.Response, status: int) -> str:
    """Return the text of a refusal."""
    assert answer.status_code == status, answer.text
    return str(answer.json()["detail"])


def by_number(listed: Any) -> dict[int, Any]:
    return {cut["number"]: cut for cut in listed["items"]}


async def names(user: User, item: str) -> set[str]:
    """Return the ids of the samples that their user sees."""
    listed = await user.get("/items", parent=item, kind="sample", limit=100)
    return {sample["id"] for sample in listed["items"]}


async def test_cuts_are_moved_split_merged_and_deleted_and_keep_their_samples(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    item = await sliced_song(catalogue, user)
    listed = await cuts_of(user, item)
    assert (listed["by"], listed["version"], listed["to_render"]) == ("machine", 0, 0)
    before = by_number(listed)
    assert [before[n]["stored"] for n in range(4)] == [True, True, True, False]
    assert all(before[n]["rendered"] for n in range(3))
    assert len({before[n]["sample"] for n in range(3)}) == 3
    refused(await user.http.post(f"/v1/items/{item}/cuts/render?stem=drums"), 409)
    good = await edit(
        user, item, 0,
        {"do": "move", "cut": 0, "start": 200},
        {"do": "split", "cut": 1, "at": 30_000},
        {"do": "add", "start": 100_000, "end": 110_000},
    )  # fmt: skip
    assert good.status_code == 200, good.text
    listed = good.json()
    assert (listed["by"], listed["version"], listed["to_render"]) == ("user", 1, 4)
    after = by_number(listed)
    assert {n: (c["start"], c["end"]) for n, c in after.items()} == {
        0: (200, 20_000), 1: (22_050, 30_000), 4: (30_000, 40_000), 2: (44_100, 60_000),
        3: (66_150, 80_000), 5: (100_000, 110_000),
    }  # fmt: skip
    # The same request again is refused, as the list has changed since.
    again = await edit(user, item, 0, {"do": "delete", "cut": 5})
    assert "newest version is 1" in refused(again, 409)
    # The onset of the moved cut was cut off, so it is to be found anew.
    assert (after[0]["onset"], after[0]["sample"]) == (None, before[0]["sample"])
    assert (after[1]["sample"], after[4]["sample"]) == (before[1]["sample"], None)
    await user.http.put(f"/v1/items/{before[0]['sample']}/favourite")
    assert (await cuts_of(user, item)) == listed
    claim = await render(catalogue, user, item)
    assert claim.params["fade_out_ms"] == 5
    listed = await cuts_of(user, item)
    done = by_number(listed)
    assert listed["to_render"] == 0
    assert [done[n]["sample"] for n in range(3)] == [before[n]["sample"] for n in range(3)]
    moved = await user.get(f"/items/{before[0]['sample']}")
    assert (moved["lineage"]["start"], moved["audio"]["samples"]) == (200, 19_800)
    assert moved["favourite"] == (await user.get(f"/items/{moved['id']}"))["favourite"]
    audio = await files(user, moved["id"], "canonical")
    assert audio[0]["job"] == claim.job
    assert len(await names(user, item)) == 5
    # What is rendered already is not rendered again.
    again = await user.post(f"/items/{item}/cuts/render?stem=drums")
    assert await catalogue.idle(TaskName.SLICING)


async def test_deleted_cuts_hide_their_samples_until_they_are_back(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item = await sliced_song(catalogue, user)
    before = by_number(await cuts_of(user, item))
    samples = [before[n]["sample"] for n in range(3)]
    await user.http.patch(f"/v1/items/{samples[2]}", json={"rating": 5})
    await edit(user, item, 0, {"do": "delete", "cut": 0}, {"do": "delete", "cut": 2})
    # A sample that its user marked stays without its cut.
    assert await names(user, item) == {samples[1], samples[2]}
    assert len((await user.get("/hidden"))["items"]) == 1
    # The merged cut keeps the sample that is marked.
    field = f"/v1/items/{item}/corrections/cuts-drums"
    await edit(user, item, 1, {"do": "reset"})
    assert await names(user, item) == set(samples)
    merged = await edit(user, item, 2, {"do": "merge", "cuts": [1, 2]})
    cut = by_number(merged.json())[1]
    assert (cut["start"], cut["end"], cut["sample"]) == (22_050, 60_000, samples[2])
    assert await names(user, item) == {samples[0], samples[2]}
    versions = (await user.get(f"/items/{item}/corrections/cuts-drums/versions"))["items"]
    assert [(v["version"], v["entries"]) for v in versions] == [(3, 3), (2, 4), (1, 2)]
    assert (await user.http.post(f"{field}/versions/1/restore")).status_code == 200
    assert await names(user, item) == {samples[1], samples[2]}
    # The machine's cuts count again, and all their samples are there.
    assert (await user.http.delete(field)).status_code == 204
    assert await names(user, item) == set(samples)
    listed = await cuts_of(user, item)
    assert (listed["by"], listed["version"], listed["to_render"]) == ("machine", 5, 0)
    assert len(await events(user, "item.hidden")) >= 3


async def test_a_list_is_replaced_as_a_whole_and_checked(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item = await sliced_song(catalogue, user)
    path = f"/v1/items/{item}/corrections/cuts-drums"
    mine = [{"number": 7, "start": 1000, "end": 9000}, {"number": 3, "start": 9000, "end": 12_000}]
    answer = await user.http.put(path, json={"value": mine})
    assert (answer.status_code, answer.json()["version"]) == (200, 1)
    assert (await user.http.put(path, json={"value": mine})).json()["version"] == 1
    shown = await user.get(f"/items/{item}/corrections/cuts-drums")
    assert [(cut["start"], cut["end"]) for cut in shown["machine"]] == list(RANGES)
    assert [result["task"] for result in shown["older_results"]] == ["slicing"]
    assert (await user.get(f"/items/{item}"))["corrected"] == {"cuts-drums": True}
    assert await names(user, item) == set()
    for wrong, words in (
        ([{"number": 0, "start": 0, "end": 100}], "lasts from 0.005"),
        ([{"number": 0, "start": 0, "end": LENGTH + 1}], "the recording has 441000"),
        ([*reversed(mine)], "order of their starts"),
        ([mine[0], {**mine[1], "number": 7}], "numbers are unique"),
    ):
        refusal = refused(await user.http.put(path, json={"value": wrong}), 422)
        assert words in refusal
    for wrong_edit, words in (
        ({"do": "move", "cut": 99, "start": 0}, "no cut 99"),
        ({"do": "split", "cut": 7, "at": 9000}, "split it there"),
        ({"do": "merge", "cuts": [7, 7]}, "two different cuts"),
        ({"do": "add", "start": 5, "end": 4}, "lasts from 0.005"),
    ):
        assert words in refused(await edit(user, item, 1, wrong_edit), 422)
    # The item itself was not sliced: its list is empty, and a stem that is not there has none.
    assert (await user.get(f"/items/{item}/cuts"))["items"] == []
    refused(await user.http.get(f"/v1/items/{item}/cuts?stem=piano"), 404)
    stranger = catalogue.user()
    refused(await stranger.http.get(f"/v1/items/{item}/cuts"), 404)
    refused(await edit(stranger, item, 1, {"do": "reset"}), 404)
    refused(await stranger.http.post(f"/v1/items/{item}/cuts/render"), 404)


async def test_new_analyses_keep_the_users_cuts_and_one_render_replaces_the_files_of_another(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    item = await sliced_song(catalogue, user)
    await edit(user, item, 0, {"do": "move", "cut": 1, "end": 41_000})
    await render(catalogue, user, item)
    (stem,) = [file for file in await files(user, item, "stem") if file["stem"] == "drums"]
    body = {"item": item, "task": "slicing", "inputs": [stem["id"]], "params": {"best_only": True}}
    await user.post("/jobs", body)
    claim = await catalogue.claim(TaskName.SLICING)
    assert claim.cuts is not None
    assert [(cut.start, cut.end) for cut in claim.cuts] == [
        RANGES[0], (22_050, 41_000), RANGES[2], RANGES[3]
    ]  # fmt: skip
    before = await names(user, item)
    usage = await user.get("/usage")
    await store(catalogue, claim, rendered(claim.cuts), USER_SLICES)
    assert await names(user, item) == before
    # The files of the render before are gone, and not counted any more.
    document = (await files(user, item, "slices"))[0]
    assert document["name"] == USER_SLICES
    assert (await user.get("/usage"))["results"] == usage["results"] + document["size"]
    assert len(await files(user, item, "sample")) == 6
    # Once the correction is taken back, slicing detects again.
    await user.http.delete(f"/v1/items/{item}/corrections/cuts-drums")
    await user.post("/jobs", body)
    assert (await catalogue.claim(TaskName.SLICING)).cuts is None
