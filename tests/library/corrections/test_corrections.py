"""Corrections: what users say instead of machines, on SQLite and on Postgres."""

import json
from typing import Any

import httpx
import pytest

from contracts.analysis import (
    Analysis,
    AnalysisResult,
    KeyCandidate,
    KeyEstimate,
    TempoCandidate,
    TempoEstimate,
)
from contracts.corrections import MAX_ENTRIES, MAX_VERSIONS
from contracts.export import ExportResult, Preset
from contracts.items import ArtifactKind
from contracts.jobs import TaskName
from contracts.tagging import SoundClass, Tags
from tests.library.catalogue import SLICING, UNKNOWN, Catalogue, User, WorkerFile
from tests.library.collections.crate import events, refused
from tests.library.search.test_tag_files import hits, one_shot, read_all, sample, tag

TEMPO = TempoEstimate(
    bpm=62.0, confidence=0.8, steadiness=0.9, beats_per_bar=4, downbeat_confidence=0.5,
    candidates=(TempoCandidate(bpm=62.0, weight=0.7), TempoCandidate(bpm=124.0, weight=0.3)),
)  # fmt: skip
KEY = KeyEstimate(
    best=KeyCandidate(key="C:maj", camelot="8B", confidence=0.6),
    second=KeyCandidate(key="A:min", camelot="8A", confidence=0.4),
    tuning_cents=0,
)
CHORDS = [
    {"start": 0.0, "end": 4.0, "chord": "C:maj", "confidence": 0.9},
    {"start": 4.0, "end": 9.9, "chord": "N", "confidence": 0.2},
]
MINE = [{"start": 0.0, "end": 10.1, "chord": "A:min7", "confidence": 1.0}]
WORDS = [
    {"start": 1.0, "end": 2.0, "text": "late night", "confidence": 1.0, "words": [
        {"text": "late", "start": 1.0, "end": 1.4, "space_before": False, "confidence": 1.0},
        {"text": "night", "start": 1.4, "end": 2.0, "space_before": True, "confidence": 1.0},
    ]}
]  # fmt: skip


async def analyse(catalogue: Catalogue, user: User, item: str, bpm: float = 62.0) -> None:
    """Run an analysis that finds a tempo, a key and chords."""
    tempo = TEMPO.model_copy(update={"bpm": bpm})
    content = Analysis.model_validate(
        {"duration": 10.0, "tempo": tempo, "key": KEY, "chords": CHORDS}
    )
    file = WorkerFile(
        ArtifactKind.ANALYSIS, "application/json", data=content.model_dump_json().encode()
    )
    await user.post("/jobs", {"item": item, "task": "analysis", "force": True})
    result = AnalysisResult(duration=10.0, tempo=tempo, key=KEY, chords=2)
    await catalogue.finish(
        await catalogue.claim(TaskName.ANALYSIS), result, {"analysis.json": file}
    )


async def correct(user: User, item: str, field: str, value: Any) -> Any:
    answer = await put(user, item, field, value)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def put(user: User, item: str, field: str, value: Any) -> httpx.Response:
    return await user.http.put(f"/v1/items/{item}/corrections/{field}", json={"value": value})


async def take_back(user: User, item: str, field: str) -> None:
    answer = await user.http.delete(f"/v1/items/{item}/corrections/{field}")
    assert answer.status_code == 204


async def test_a_corrected_tempo_and_key_win_and_survive_a_new_analysis(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    item = await user.track(name="Evening.wav")
    await analyse(catalogue, user, item)
    assert (await user.get(f"/items/{item}"))["bpm"] == 62.0
    tempo = await correct(user, item, "tempo", "double")
    assert (tempo["value"], tempo["machine"], tempo["version"]) == (124.0, 62.0, 1)
    assert tempo["by"] == user.owner
    key = await correct(user, item, "key", "a minor")
    assert (key["value"], key["machine"], key["machine_confidence"]) == ("A:min", "C:maj", 0.6)
    # What is asked again changes nothing: no version, no event.
    assert await correct(user, item, "tempo", "double") == tempo
    assert await correct(user, item, "key", "Am") == key
    await analyse(catalogue, user, item, bpm=62.5)
    shown = await user.get(f"/items/{item}")
    assert (shown["bpm"], shown["corrected"]) == (124.0, {"tempo": 124.0, "key": "A:min"})
    hit = (await hits(user, "bpm:124 key:8A"))["Evening.wav"]
    assert (hit["bpm"], hit["key"], hit["camelot"]) == (124.0, "A:min", "8A")
    both = (await user.get(f"/items/{item}/corrections"))["items"]
    assert [(c["field"], c["machine"]) for c in both] == [("tempo", 62.5), ("key", "C:maj")]
    for field in ("tempo", "key"):
        await take_back(user, item, field)
        await take_back(user, item, field)
    shown = await user.get(f"/items/{item}")
    assert (shown["bpm"], shown["corrected"]) == (62.0, {})
    hit = (await hits(user, "key:8B"))["Evening.wav"]
    assert (hit["bpm"], hit["key"]) == (62.0, "C:maj")
    corrected = await events(user, "item.corrected")
    assert [(e["field"], e["version"], e["taken_back"]) for e in corrected] == [
        ("tempo", 1, False), ("key", 1, False), ("tempo", 2, True), ("key", 2, True)
    ]  # fmt: skip


async def test_a_corrected_class_wins_over_tagging(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item = await one_shot(user, catalogue)
    await tag(user, catalogue, item, Tags(samples=(sample("canonical.flac", SoundClass.KICK),)))
    await read_all(catalogue)
    assert (await hits(user, "class:kick"))["hit.wav"]["class_source"] == "machine"
    answer = await correct(user, item, "class", "snare")
    assert (answer["machine"], answer["machine_confidence"]) == ("kick", 0.9)
    hit = (await hits(user, "class:snare"))["hit.wav"]
    assert (hit["sound_class"], hit["class_source"], hit["class_confidence"]) == (
        "snare", "user", None
    )  # fmt: skip
    # Tagged again, the user's class stays, and the machine's new one is known.
    tags = Tags(samples=(sample("canonical.flac", SoundClass.TOM, 0.7),))
    await tag(user, catalogue, item, tags)
    await read_all(catalogue)
    assert (await hits(user, "class:snare"))["hit.wav"]["class_source"] == "user"
    shown = await user.get(f"/items/{item}/corrections/class")
    assert (shown["value"], shown["machine"], shown["machine_confidence"]) == ("snare", "tom", 0.7)
    await take_back(user, item, "class")
    hit = (await hits(user, "class:tom"))["hit.wav"]
    assert (hit["class_source"], hit["class_confidence"]) == ("machine", pytest.approx(0.7))


async def test_lanes_have_versions_and_the_machines_stays_one_call_away(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    item = await user.track()
    await analyse(catalogue, user, item)
    first = await correct(user, item, "chords", MINE)
    assert (first["value"], first["machine"]) == (MINE, None)
    shown = await user.get(f"/items/{item}/corrections/chords")
    assert (shown["value"], shown["machine"]) == (MINE, CHORDS)
    assert (await user.get(f"/items/{item}"))["corrected"] == {"chords": True}
    # The machine's own lane is one that the field takes.
    await correct(user, item, "chords", CHORDS)
    await take_back(user, item, "chords")
    path = f"/items/{item}/corrections/chords"
    assert (await user.http.get(f"/v1{path}")).status_code == 404
    listed = (await user.get(f"{path}/versions"))["items"]
    assert [(v["version"], v["entries"], v["taken_back"]) for v in listed] == [
        (3, None, True), (2, 2, False), (1, 1, False)
    ]  # fmt: skip
    restored = await user.post(f"{path}/versions/1/restore")
    assert (restored["value"], restored["version"]) == (MINE, 4)
    assert await user.post(f"{path}/versions/1/restore") == restored
    for version in (3, 9):
        answer = await user.http.post(f"/v1{path}/versions/{version}/restore")
        assert await refused(answer) == (404, "not_found")


async def test_only_the_newest_versions_stay(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item = await user.track()
    for number in range(MAX_VERSIONS + 2):
        await correct(user, item, "tempo", 100 + number)
    listed = (await user.get(f"/items/{item}/corrections/tempo/versions"))["items"]
    assert [v["version"] for v in listed] == list(range(MAX_VERSIONS + 2, 2, -1))
    assert listed[0]["value"] == 100.0 + MAX_VERSIONS + 1
    await take_back(user, item, "tempo")
    assert (await user.get(f"/items/{item}"))["bpm"] is None


async def test_results_older_than_a_correction_are_named(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item = await user.track()
    job = await user.post("/jobs", {"item": item, "task": "slicing"})
    await catalogue.finish(await catalogue.claim(TaskName.SLICING), SLICING)
    tempo = await correct(user, item, "tempo", 124)
    assert [(r["task"], r["job"]) for r in tempo["older_results"]] == [("slicing", job["id"])]
    assert (await correct(user, item, "key", "Am"))["older_results"] == []
    await user.post("/jobs", {"item": item, "task": "slicing", "force": True})
    await catalogue.finish(await catalogue.claim(TaskName.SLICING), SLICING)
    assert (await user.get(f"/items/{item}/corrections/tempo"))["older_results"] == []


async def test_exports_read_corrections_and_are_made_anew(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item = await user.track()
    await analyse(catalogue, user, item)
    result = ExportResult(
        preset=Preset.STEMS, file="stems.zip", files=3, content_bytes=10, duration=10.0
    )
    files = {"stems.zip": WorkerFile(ArtifactKind.BUNDLE, "application/zip")}
    before = await user.post("/jobs", {"item": item, "task": "export"})
    await catalogue.finish(await catalogue.claim(TaskName.EXPORT), result, files)
    assert (await user.post("/jobs", {"item": item, "task": "export"}))["id"] == before["id"]
    await correct(user, item, "key", "Am")
    await correct(user, item, "chords", MINE)
    await correct(user, item, "words", WORDS)
    await user.post("/jobs", {"item": item, "task": "export"})
    export = (await catalogue.claim(TaskName.EXPORT)).export
    assert export is not None
    (described,) = export.items
    assert (described.key, described.corrected) == ("A:min", ("chords", "key", "words"))
    assert export.lanes.model_dump(mode="json")["chords"] == MINE
    assert export.lanes.model_dump(mode="json")["words"] == WORDS
    assert export.lanes.sections is None


SECTION = {"start": 0, "end": 5, "label": "Chorus", "role": "chorus", "confidence": 1}
NOTE = {"start": 0, "end": 1, "pitch": 60, "name": "C4", "velocity": 90, "confidence": 1}
REFUSED = {
    "tempo": [19, 401, True, "fast", None, [120]],
    "key": ["H", "", 4, "A:dim", "Am" * 20],
    "class": ["bagpipe", 1, None],
    "chords": [
        "Am", {}, [{"start": 1}], [dict(MINE[0], chord="Am")], [dict(MINE[0], end=11)],
        [dict(MINE[0], start=3, end=2)], [*CHORDS[::-1]], [dict(MINE[0], start=-1)],
    ],
    "sections": [[dict(SECTION, label="")], [dict(SECTION, label="a\nb")], [SECTION, SECTION]],
    "beats": [[{"time": 1, "position": 1}, {"time": 1, "position": 2}],
              [{"time": 1, "position": 13}], [{"time": 12, "position": 1}]],
    "notes": [[dict(NOTE, end=0)], [dict(NOTE, start=2, end=3), NOTE], [dict(NOTE, pitch=128)]],
    "words": [[dict(WORDS[0], end=0.5)], [WORDS[0], WORDS[0]], [dict(WORDS[0], text=4)]],
}  # fmt: skip


async def test_values_that_a_field_does_not_take_are_refused(catalogue: Catalogue) -> None:
    user = catalogue.user()
    track = await user.track()
    kick = await one_shot(user, catalogue)
    for field, values in REFUSED.items():
        for value in values:
            answer = await put(user, kick if field == "class" else track, field, value)
            assert await refused(answer) == (422, "invalid_request"), (field, value)
            assert answer.json()["fields"][0]["field"].startswith("body.value"), (field, value)
    for data in (b"", b"[]", b'{"value": 1', b'{"value": NaN}', b'{"value": 120, "by": "me"}'):
        answer = await user.http.put(f"/v1/items/{track}/corrections/tempo", content=data)
        assert await refused(answer) == (422, "invalid_request"), data
    assert await refused(await put(user, track, "tempo", "half")) == (422, "invalid_request")
    assert await refused(await put(user, track, "class", "kick")) == (409, "wrong_state")
    assert (await put(user, track, "mood", "sad")).status_code == 422
    assert (await user.get(f"/items/{track}/corrections")) == {"items": []}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sections", [SECTION, dict(SECTION, start=5, end=10)]),
        ("beats", [{"time": 0.5, "position": 1}, {"time": 1.0, "position": 2}]),
        ("notes", [NOTE, NOTE]),
        ("notes-vocals", [NOTE]),
        ("words", WORDS),
        ("chords", []),
        ("key", "Gb:maj"),
    ],
)
async def test_a_value_is_returned_as_it_was_written(
    catalogue: Catalogue, field: str, value: Any
) -> None:
    user = catalogue.user()
    item = await user.track()
    answer = await correct(user, item, field, value)
    if isinstance(value, list):
        value = [dict(NOTE, bends=[], sound=None) if v is NOTE else v for v in value]
    assert answer["value"] == value
    assert (await user.get(f"/items/{item}/corrections"))["items"] == [answer]


async def test_lanes_are_bounded(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item = await user.track()
    beats = [{"time": n / 2000, "position": 1} for n in range(MAX_ENTRIES + 1)]
    assert await refused(await put(user, item, "beats", beats)) == (422, "invalid_request")
    await correct(user, item, "beats", beats[:-1])
    long = [dict(WORDS[0], text="la " * 300_000, words=[])]
    await correct(user, item, "words", long)
    data = json.dumps({"value": [dict(NOTE, name="x" * 1_000_000)]})
    answer = await user.http.put(f"/v1/items/{item}/corrections/notes", content=data)
    assert await refused(answer) == (413, "too_large")
    answer = await user.http.put(f"/v1/items/{item}/corrections/notes", content="x" * (2 << 20))
    assert await refused(answer) == (413, "too_large")


async def test_corrections_are_the_owners_alone(catalogue: Catalogue) -> None:
    user, other = catalogue.user(), catalogue.user()
    item = await user.track()
    await correct(user, item, "tempo", 124)
    path = f"/v1/items/{item}/corrections"
    for method, suffix in [
        ("GET", ""), ("GET", "/tempo"), ("PUT", "/tempo"), ("DELETE", "/tempo"),
        ("GET", "/tempo/versions"), ("POST", "/tempo/versions/1/restore"),
    ]:  # fmt: skip
        body = {"value": 90} if method == "PUT" else None
        answer = await other.http.request(method, path + suffix, json=body)
        assert await refused(answer) == (404, "not_found"), (method, suffix)
    assert (await user.get(f"/items/{item}"))["bpm"] == 124.0
    answer = await put(user, UNKNOWN, "tempo", 124)
    assert await refused(answer) == (404, "not_found")


async def test_an_edit_does_not_overwrite_a_corrected_tempo(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item = await user.track()
    await correct(user, item, "tempo", 124)
    answer = await user.http.patch(f"/v1/items/{item}", json={"bpm": 90})
    assert await refused(answer) == (409, "wrong_state")
    answer = await user.http.patch(f"/v1/items/{item}", json={"bpm": 124, "name": "Same"})
    assert answer.status_code == 200
    await user.http.delete(f"/v1/items/{item}")
    assert (await user.http.get(f"/v1/items/{item}/corrections")).status_code == 404
