"""Floors on recordings with known bars and tempi, where they are."""

import os
from pathlib import Path

import numpy as np
import pytest

from contracts.analysis import Analysis, AnalysisParams
from contracts.items import ArtifactKind, ItemKind
from services.analysis.handler import handle
from tests.analysis.networks import ROOT, engine
from tests.support.single_job import audio_input, single_job

PARAMS = AnalysisParams(images=(), key=False, chords=False, sections=False)


@pytest.fixture
def recordings() -> Path:
    named = os.environ.get("CRATEDIG_TEST_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no recordings: set CRATEDIG_TEST_DATA to the folder that holds them")
    return folder


def analysis_of(path: Path, scratch: Path, kind: ItemKind) -> Analysis:
    job = single_job(scratch, [audio_input(path)], kind=kind)
    handle(PARAMS, job, engine())
    (output,) = (file for file in job.outputs if file.kind is ArtifactKind.ANALYSIS)
    return Analysis.model_validate_json(output.path.read_bytes())


@pytest.mark.parametrize("name", ["Reggae", "Hendrix"])
def test_downbeats_of_drum_tracks(recordings: Path, tmp_path: Path, name: str) -> None:
    folder = recordings / "drum_transcription" / "mdb" / name
    rows = [line.split() for line in (folder / "beats.txt").read_text().splitlines()]
    truth = np.array([float(time) for time, position in rows if float(position) == 1.0])
    analysis = analysis_of(folder / "drum_only.flac", tmp_path, ItemKind.TRACK)
    downbeats = np.array([beat.time for beat in analysis.beats if beat.position == 1])
    matched = [np.abs(downbeats - time).min() < 0.07 for time in truth]
    assert np.mean(matched) > 0.9
    assert len(downbeats) <= len(truth) + 2


@pytest.mark.parametrize(
    ("name", "bpm", "bars"),
    [("loop_amen", 136.9, 1), ("loop_amen_full", 140.0, 4)],
)
def test_the_tempo_of_loops(
    recordings: Path, tmp_path: Path, name: str, bpm: float, bars: int
) -> None:
    path = recordings / "onset_beat_tempo" / "loops" / "shared" / f"{name}.flac"
    analysis = analysis_of(path, tmp_path, ItemKind.SAMPLE)
    assert analysis.tempo is not None
    assert analysis.tempo.bpm == pytest.approx(bpm, rel=0.001)
    assert [beat.position for beat in analysis.beats] == [1, 2, 3, 4] * bars
