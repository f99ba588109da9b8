"""The whole chain over the demo's song, as a user of the library sees it."""

import json
from pathlib import Path

import mido
import numpy as np
import pytest

from cratedig import Client
from tests.support.house import ROOT, House

pytestmark = [pytest.mark.xdist_group("system"), pytest.mark.timeout(400)]

SONG = ROOT / "embedded" / "song" / "song.flac"
TRUTH = json.loads((SONG.parent / "truth.json").read_text(encoding="utf-8"))


def test_a_song_ends_as_a_score_on_its_own_beats(house: House, tmp_path: Path) -> None:
    user: Client = house.user("full")
    sent = user.upload(SONG, kind="track")
    assert sent.item is not None
    assert sent.job is not None
    user.wait_job(sent.job)
    run = user.wait_run(user.create_run(sent.item, "full").id)
    assert run.state == "succeeded", run
    steps = {step.name: step for step in run.steps}
    assert list(steps["song-midi"].states) == ["succeeded"], steps["song-midi"]
    (score,) = [a for a in user.artifacts(sent.item) if a.name == "song.mid"]
    file = mido.MidiFile(user.download(score, tmp_path / "song.mid"))
    assert file.type == 1
    assert len(file.tracks) > 2
    assert {m.numerator for m in file.tracks[0] if m.type == "time_signature"} == {4}
    tempi = [mido.tempo2bpm(m.tempo) for m in file.tracks[0] if m.type == "set_tempo"]
    assert tempi[-1] == pytest.approx(TRUTH["bpm"], rel=0.01)
    # Bars begin where the song's do, as a player of the file would count them.
    bars = np.array(_bars(file, until=18.0))
    for downbeat in TRUTH["downbeats"][2:]:
        assert np.abs(bars - downbeat).min() < 0.05
    # What the tracks hold is what the stems' own lists of notes say.
    (job,) = [user.job(one) for one in steps["song-midi"].jobs]
    assert job.result is not None
    assert sum(track["notes"] for track in job.result["tracks"]) == job.result["notes"]
    for track, told in zip(file.tracks[1:], job.result["tracks"], strict=True):
        assert track.name == told["name"]
        assert sum(m.type == "note_on" for m in track) == told["notes"]


def _bars(file: mido.MidiFile, *, until: float) -> list[float]:
    """Return when each bar begins, in seconds."""
    tempi: list[tuple[int, int]] = []
    now = 0
    for message in file.tracks[0]:
        now += message.time
        if message.type == "set_tempo":
            tempi.append((now, message.tempo))
    found: list[float] = []
    second, tick = 0.0, 0
    while second < until:
        found.append(second)
        for step in range(tick, tick + 4 * file.ticks_per_beat, 120):
            tempo = [t for at, t in tempi if at <= step][-1]
            second += 120 * tempo / file.ticks_per_beat / 1e6
        tick += 4 * file.ticks_per_beat
    return found
