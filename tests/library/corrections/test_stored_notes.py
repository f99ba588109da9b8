"""`GET /v1/items/{item}/notes`: notes at other thresholds, without a job."""

from typing import Any

from contracts.items import ArtifactKind
from contracts.jobs import TaskName
from contracts.midi import MidiMode, MidiResult
from contracts.music import Stem
from tests.library.catalogue import UNKNOWN, Catalogue, User, WorkerFile
from tests.library.collections.crate import refused
from tests.midi.test_stored import line_file, written

RESULT = MidiResult(
    mode=MidiMode.NOTES, notes=9, lowest=40, highest=70, polyphony=1, duration=10.0, tempo=120.0,
    tempo_known=False, program=0, mean_confidence=0.7,
)  # fmt: skip


async def transcribe(catalogue: Catalogue, user: User, item: str, *, data: bytes) -> None:
    """Run a `midi` job that stores posteriors, of the item and of a stem."""
    await user.post("/jobs", {"item": item, "task": "midi", "force": True})
    kind = ArtifactKind.POSTERIORS
    media_type = "application/octet-stream"
    files = {
        "posteriors.bin": WorkerFile(kind, media_type, data=data),
        "bass.bin": WorkerFile(kind, media_type, stem=Stem.BASS, data=data),
    }
    await catalogue.finish(await catalogue.claim(TaskName.MIDI), RESULT, files)


async def ask(user: User, item: str, **query: Any) -> Any:
    return await user.http.get(f"/v1/items/{item}/notes", params=query)


async def test_lower_thresholds_find_more_notes(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item = await user.track()
    await transcribe(catalogue, user, item, data=written(10.0)[0])
    machine = await user.get(f"/items/{item}/notes")
    assert machine["thresholds"] == machine["machine"]
    assert machine["tracker"] == "polyphonic"
    assert machine["machine"] == {"onset": 0.55, "note": 0.3, "shortest": 58.0}
    more = await user.get(f"/items/{item}/notes", onset=0.3, shortest=20, stem="bass")
    assert more["stem"] == "bass"
    assert more["thresholds"] == {"onset": 0.3, "note": 0.3, "shortest": 20.0}
    assert len(more["notes"]) > len(machine["notes"]) > 5
    # What was read is a lane of notes: it is kept as the user's correction.
    kept = await user.http.put(
        f"/v1/items/{item}/corrections/notes-bass", json={"value": more["notes"]}
    )
    assert kept.status_code == 200, kept.text
    part = await user.get(f"/items/{item}/notes", start=2, end=5)
    assert part["notes"] == [n for n in machine["notes"] if 2 <= n["start"] < 5]


async def test_the_monophonic_tracker_is_named_and_uses_thresholds(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item = await user.track()
    await transcribe(catalogue, user, item, data=line_file(10.0))
    machine = await user.get(f"/items/{item}/notes")
    assert machine["tracker"] == "monophonic"
    assert [note["pitch"] for note in machine["notes"]] == [60, 62, 64, 65, 67, 69, 71, 72, 74]
    longer = await user.get(f"/items/{item}/notes", shortest=2000)
    assert longer["notes"] == []
    part = await user.get(f"/items/{item}/notes", start=2, end=5)
    assert part["notes"] == [n for n in machine["notes"] if 2 <= n["start"] < 5]


async def test_what_cannot_be_read_is_refused_with_what_to_do(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item = await user.track()
    none = await ask(user, item)
    assert await refused(none) == (404, "not_found")
    assert "Run `midi` again" in none.json()["detail"]
    await transcribe(catalogue, user, item, data=b"no posteriors")
    assert await refused(await ask(user, item)) == (404, "not_found")
    assert await refused(await ask(user, item, onset=0.1)) == (422, "invalid_request")
    assert await refused(await ask(user, item, shortest=1)) == (422, "invalid_request")
    assert await refused(await ask(user, item, stem="drums")) == (404, "not_found")
    assert await refused(await ask(user, UNKNOWN)) == (404, "not_found")
    assert await refused(await ask(catalogue.user(), item)) == (404, "not_found")
