"""The whole chain over the demo's song, as a user of the library sees it."""

import csv
import json
import os
import re
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from cratedig import Client
from cratedig.cli.app import app
from cratedig.credentials import save
from tests.support.running_server import ROOT, RunningServer

pytestmark = pytest.mark.timeout(400)

SUNG = (
    Path(os.environ.get("CRATEDIG_TEST_DATA", ROOT.parent / "shared" / "data"))
    / "vocals_lyrics/ultrastar/shared/monkey_shines/audio.mp3"
)
SONG = ROOT / "examples" / "song" / "song.flac"
TRUTH = json.loads((SONG.parent / "truth.json").read_text(encoding="utf-8"))


def test_a_song_ends_as_a_score_on_its_own_beats(server: RunningServer, tmp_path: Path) -> None:
    user: Client = server.user("full")
    sent = user.uploads.file(SONG, kind="track")
    assert sent.item is not None
    assert sent.job is not None
    user.jobs.wait(sent.job)
    run = user.runs.wait(user.runs.create(sent.item, "full").id)
    assert run.state == "succeeded", run
    steps = {step.name: step for step in run.steps}
    assert list(steps["song-midi"].states) == ["succeeded"], steps["song-midi"]
    (score,) = [a for a in user.artifacts.list(sent.item) if a.name == "song.mid"]
    file = mido.MidiFile(user.artifacts.save(score, tmp_path / "song.mid"))
    assert file.type == 1
    assert len(file.tracks) > 2
    assert [m.numerator for m in file.tracks[0] if m.type == "time_signature"][-1] == 4
    tempi = [mido.tempo2bpm(m.tempo) for m in file.tracks[0] if m.type == "set_tempo"]
    assert tempi[-1] == pytest.approx(TRUTH["bpm"], rel=0.01)
    # Bars begin where the song's do, as a player of the file would count them.
    bars = np.array(_bars(file, until=18.0))
    for downbeat in TRUTH["downbeats"][1:]:
        assert np.abs(bars - downbeat).min() < 0.05
    # What the tracks hold is what the stems' own lists of notes say.
    (job,) = [user.jobs.get(id_) for id_ in steps["song-midi"].jobs]
    assert job.result is not None
    assert sum(track["notes"] for track in job.result["tracks"]) == job.result["notes"]
    for track, summary in zip(file.tracks[1:], job.result["tracks"], strict=True):
        assert track.name == summary["name"]
        assert sum(m.type == "note_on" for m in track) == summary["notes"]


@pytest.mark.skipif(not SUNG.is_file(), reason=f"there is no recording {SUNG.name} to take apart")
def test_a_real_song_goes_through_the_command_line(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(server.user("producer").credentials, kept := tmp_path / "credentials.json")
    monkeypatch.setenv("CRATEDIG_CONFIG", str(kept))

    def cratedig(*arguments: str) -> Any:
        done = CliRunner().invoke(app, [*arguments, "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    (item,) = cratedig("upload", str(SUNG))
    (run,) = cratedig("run", "full", item["id"])
    assert run["state"] == "succeeded", run
    cratedig("get", item["id"], "--output", str(tmp_path / "out"))
    got = {path.name: path for path in (tmp_path / "out").rglob("*") if path.is_file()}
    for stem in ("vocals.flac", "accompaniment.flac"):
        assert soundfile.info(got[stem]).frames == item["audio"]["samples"]
    assert len(mido.MidiFile(got["song.mid"]).tracks) > 2
    assert any("-hit-" in name for name in got)
    words = set(re.findall(r"[a-z']+", got["vocals-lyrics.txt"].read_text().lower()))
    with (SUNG.parent / "words.csv").open(encoding="utf-8") as file:
        sung = {row["word"].lower() for row in csv.DictReader(file)}
    assert len(words & sung) > len(sung) / 3, words


def _bars(file: mido.MidiFile, *, until: float) -> list[float]:
    """Return when each bar begins, in seconds."""
    tempi: list[tuple[int, int]] = []
    meters: list[tuple[int, int]] = []
    now = 0
    for message in file.tracks[0]:
        now += message.time
        if message.type == "set_tempo":
            tempi.append((now, message.tempo))
        if message.type == "time_signature":
            meters.append((now, 4 * file.ticks_per_beat * message.numerator // message.denominator))
    bars: list[float] = []
    second, tick = 0.0, 0
    while second < until:
        bars.append(second)
        bar = [length for at, length in meters if at <= tick][-1]
        for step in range(tick, tick + bar, 120):
            tempo = [t for at, t in tempi if at <= step][-1]
            second += 120 * tempo / file.ticks_per_beat / 1e6
        tick += bar
    return bars
