"""What a user corrected counts in exports: tempo, key, and lanes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contracts.analysis import Beat, ChordSegment, Section
from contracts.corrections import CorrectedLanes, CorrectionField
from contracts.export import ExportParams
from contracts.music import Stem
from contracts.transcribe import LyricLine, LyricWord
from services.export.bundle import Song
from services.export.corrected import song_grid
from services.export.reading import read_song
from tests.export.jobs import BPM, SongFiles, analysis, export, note, song_files

TEMPO, KEY = CorrectionField.TEMPO, CorrectionField.KEY
WORDS = (
    LyricLine(
        start=1.0,
        end=2.0,
        text="late  night",
        words=(
            LyricWord(text="late", start=1.0, end=1.4, space_before=False),
            LyricWord(text="night", start=1.4, end=2.0),
        ),
    ),
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> SongFiles:
    return song_files(tmp_path_factory.mktemp("corrected"))


def song(files: SongFiles, folder: Path, lanes: CorrectedLanes, **item: Any) -> Song:
    """Return the song of an export whose item and lanes were corrected."""
    job = files.job(folder)
    assert job.export is not None
    described = job.export.items[0].model_copy(update=item)
    job.export = job.export.model_copy(update={"items": (described,), "lanes": lanes})
    return read_song(ExportParams(), job)


def test_without_corrections_the_results_count(files: SongFiles, tmp_path: Path) -> None:
    measured = song(files, tmp_path, CorrectedLanes(), bpm=99.0, key="A:min")
    assert measured.grid.tempo == pytest.approx(BPM, abs=0.1)
    assert [section.label for section in measured.sections] == ["A", "B"]
    assert [line.text for line in measured.lyrics] == ["hello world", "née"]


def test_a_doubled_or_halved_tempo_follows_the_measured_beats(
    files: SongFiles, tmp_path: Path
) -> None:
    measured = song(files, tmp_path / "1", CorrectedLanes()).beats
    doubled = song(files, tmp_path / "2", CorrectedLanes(), bpm=2 * BPM, corrected=(TEMPO,))
    assert doubled.beats[::2] == measured
    assert doubled.grid.tempo == pytest.approx(2 * BPM, abs=0.2)
    halved = song(files, tmp_path / "3", CorrectedLanes(), bpm=BPM / 2, corrected=(TEMPO,))
    assert halved.beats == measured[::2]
    assert halved.grid.tempo == pytest.approx(BPM / 2, abs=0.1)


def test_any_other_tempo_is_even_from_the_first_downbeat_on(
    files: SongFiles, tmp_path: Path
) -> None:
    typed = song(files, tmp_path, CorrectedLanes(), bpm=100.0, corrected=(TEMPO,))
    assert np.diff(typed.beats) == pytest.approx(0.6)
    assert typed.grid.tempo == pytest.approx(100, abs=0.01)
    assert typed.tempo_known


def test_corrected_beats_win_over_a_corrected_tempo(files: SongFiles, tmp_path: Path) -> None:
    beats = tuple(Beat(time=0.25 + 0.75 * n, position=n % 3 + 1) for n in range(6))
    waltz = song(files, tmp_path, CorrectedLanes(beats=beats), bpm=100.0, corrected=(TEMPO,))
    assert waltz.beats == tuple(beat.time for beat in beats)
    assert (waltz.grid.beats_per_bar, waltz.grid.tempo) == (3, pytest.approx(80, abs=0.01))


def test_without_an_analysis_the_corrected_tempo_is_the_grid(
    files: SongFiles, tmp_path: Path
) -> None:
    job = files.job(tmp_path)
    assert job.export is not None
    item = job.export.items[0].model_copy(update={"bpm": 90.0, "corrected": (TEMPO,)})
    grid, beats = song_grid(None, item, CorrectedLanes(), every_beat=False)
    assert grid is not None
    assert (grid.tempo, beats) == (pytest.approx(90, abs=0.01), ())
    no_beats = analysis(4.0).model_copy(update={"beats": ()})
    grid, _ = song_grid(no_beats, item, CorrectedLanes(), every_beat=False)
    assert grid is not None
    assert grid.tempo == pytest.approx(90, abs=0.01)


def test_lanes_and_the_key_replace_those_of_results(files: SongFiles, tmp_path: Path) -> None:
    chord = ChordSegment(start=0, end=4, chord="F#:min7", confidence=1)
    chorus = Section(start=0, end=4, label="Chorus", confidence=1)
    lanes = CorrectedLanes(
        chords=(chord,),
        sections=(chorus,),
        words=WORDS,
        notes_of_stems={Stem.BASS: (note(0.5, 0.9, 40),), Stem.VOCALS: (note(1.0, 1.4, 69),)},
    )
    corrected = song(files, tmp_path, lanes, key="F#:min", corrected=(KEY,))
    assert corrected.key == "F#:min"
    assert (corrected.chords, corrected.sections) == ((chord,), (chorus,))
    assert [line.text for line in corrected.lyrics] == ["late night"]
    notes = {track.stem: [n.pitch for n in track.notes] for track in corrected.tracks}
    assert notes == {Stem.VOCALS: [69], Stem.OTHER: [], Stem.BASS: [40], Stem.DRUMS: [36, 38]}


def test_bundles_hold_what_was_corrected(files: SongFiles, tmp_path: Path) -> None:
    job = files.job(tmp_path)
    assert job.export is not None
    lanes = CorrectedLanes(
        words=WORDS, sections=(Section(start=0, end=4, label="Chorus", confidence=1),)
    )
    job.export = job.export.model_copy(update={"lanes": lanes})
    lyrics = export(job, "karaoke").files["lyrics-words.lrc"].decode()
    assert "[00:01.00] <00:01.00>late <00:01.40>night <00:02.00>" in lyrics
