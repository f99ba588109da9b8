from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from contracts.analysis import Analysis, AnalysisParams, AnalysisResult, ImageKind, ImageSpec
from contracts.items import ArtifactKind, ItemKind
from contracts.music import Stem
from kit.arrays import F32
from kit.worker.job import Job, JobInput
from kit.worker.outcomes import Rejected, Skipped
from services.analysis.handler import handle
from tests.analysis.networks import engine
from tests.support import signals
from tests.support.single_job import audio_input, single_job, write_audio

RATE = 44_100
BPM = 120.0
PROGRESSION = ((60, 64, 67), (57, 60, 64), (65, 69, 72), (67, 71, 74))
"""C, Am, F, G: a bar each."""


def band(bars: int = 8) -> tuple[F32, F32]:
    """Return drums and chords of a song in C at 120 beats a minute."""
    drums = signals.drum_loop(BPM, bars).audio
    chords = signals.chords([PROGRESSION[bar % 4] for bar in range(bars)], 2.0)
    roots = signals.chords([(PROGRESSION[bar % 4][0] - 24,) for bar in range(bars)], 2.0)
    return drums, signals.mix(chords, (0.7 * roots).astype(np.float32))


def analyse(
    tmp_path: Path, parts: list[tuple[F32, Stem | None]], params: AnalysisParams | None = None
) -> tuple[AnalysisResult, Analysis, Job]:
    inputs: list[JobInput] = []
    for index, (audio, stem) in enumerate(parts):
        inputs.append(audio_input(write_audio(tmp_path / f"{index}.flac", audio), stem=stem))
    job = single_job(tmp_path, inputs)
    result = handle(params or AnalysisParams(), job, engine())
    document = next(output for output in job.outputs if output.kind is ArtifactKind.ANALYSIS)
    return result, Analysis.model_validate_json(document.path.read_bytes()), job


def test_a_song_is_understood(tmp_path: Path) -> None:
    drums, chords = band()
    result, document, job = analyse(tmp_path, [(signals.mix(drums, chords), None)])
    assert result.tempo is not None
    assert result.tempo.bpm == pytest.approx(BPM, rel=0.005)
    assert result.tempo.beats_per_bar == 4
    downbeats = [beat.time for beat in document.beats if beat.position == 1]
    bars = np.arange(9) * 2.0
    assert max(float(np.abs(bars - time).min()) for time in downbeats) < 0.05
    assert result.key is not None
    assert result.key.best.key == "C:maj"
    assert result.key.best.camelot == "8B"
    assert result.key.best.confidence > result.key.second.confidence
    labels = {round(chord.start / 2.0): chord.chord for chord in document.chords}
    assert [labels.get(bar) for bar in range(4)] == ["C:maj", "A:min", "F:maj", "G:maj"]
    assert document.chords[0].start == 0.0
    assert document.chords[-1].end == pytest.approx(16.0)
    assert document.sections[0].label == "A"
    names = {output.name for output in job.outputs}
    assert names == {"analysis.json", "waveform-0.png", "mel-1.png"}
    assert result.beats == len(document.beats)


def test_chords_follow_the_beat_without_gaps(tmp_path: Path) -> None:
    drums, chords = band(4)
    _, document, _ = analyse(tmp_path, [(signals.mix(drums, chords), None)])
    for current, following in zip(document.chords, document.chords[1:], strict=False):
        assert current.end == following.start
        assert current.chord != following.chord
    edges = np.array([beat.time for beat in document.beats])
    inner = [chord.start for chord in document.chords[1:]]
    assert all(float(np.abs(edges - time).min()) < 1e-6 for time in inner)


def test_without_a_beat_chords_change_where_they_do(tmp_path: Path) -> None:
    first, second = (signals.chords([notes], 1.0) for notes in (PROGRESSION[0], PROGRESSION[2]))
    audio = np.concatenate([first[:, : round(0.87 * RATE)], second[:, : round(0.8 * RATE)]], axis=1)
    _, document, _ = analyse(tmp_path, [(audio, None)])
    assert len(document.beats) < 4
    before, after = (chord for chord in document.chords if chord.chord != "N")
    assert (before.chord, after.chord) == ("C:maj", "F:maj")
    assert after.start == pytest.approx(0.87, abs=0.07)


def test_tempo_comes_from_the_drums_and_key_from_the_rest(tmp_path: Path) -> None:
    drums, chords = band()
    # The voice sings another key and another rhythm, and must not be asked.
    voice = signals.voice("aeiou", seconds_each=3.1, note=54)
    result, _, _ = analyse(
        tmp_path, [(drums, Stem.DRUMS), (chords, Stem.OTHER), (voice, Stem.VOCALS)]
    )
    assert result.tempo is not None
    assert result.tempo.source is Stem.DRUMS
    assert result.tempo.bpm == pytest.approx(BPM, rel=0.005)
    assert result.key is not None
    assert result.key.source == (Stem.OTHER,)
    assert result.key.best.key == "C:maj"


def test_with_two_stems_the_accompaniment_tells_the_key(tmp_path: Path) -> None:
    drums, chords = band(4)
    voice = signals.voice("ae", seconds_each=3.0, note=54)
    result, _, _ = analyse(
        tmp_path, [(signals.mix(drums, chords), Stem.ACCOMPANIMENT), (voice, Stem.VOCALS)]
    )
    assert result.key is not None
    assert result.key.source == (Stem.ACCOMPANIMENT,)
    assert result.tempo is not None
    assert result.tempo.source is None


@pytest.mark.parametrize("level", [0.0, 0.0001])
def test_drums_that_do_not_play_are_passed_over(tmp_path: Path, level: float) -> None:
    drums, chords = band()
    noise = signals.noise(16.0, amplitude=level) if level else signals.silence(16.0)
    result, _, _ = analyse(
        tmp_path, [(noise, Stem.DRUMS), (signals.mix(drums, chords), Stem.OTHER)]
    )
    assert result.tempo is not None
    assert result.tempo.source is None
    assert result.tempo.bpm == pytest.approx(BPM, rel=0.01)


def test_any_range_and_zoom_of_a_picture(tmp_path: Path) -> None:
    drums, _ = band(4)
    images = (
        ImageSpec(kind=ImageKind.WAVEFORM, start=1.0, end=1.01, width=300, height=80),
        ImageSpec(kind=ImageKind.MEL, start=2.0, end=100.0, width=64, height=40),
    )
    params = AnalysisParams(tempo=False, key=False, chords=False, sections=False, images=images)
    result, document, job = analyse(tmp_path, [(drums, None)], params)
    assert [(image.start, round(image.end, 2)) for image in result.images] == [
        (1.0, 1.01),
        (2.0, 8.0),
    ]
    assert (document.tempo, document.key, document.chords, document.sections) == (
        None,
        None,
        (),
        (),
    )
    for image in result.images:
        output = next(output for output in job.outputs if output.name == image.file)
        header = output.path.read_bytes()[16:24]
        assert int.from_bytes(header[:4]) == image.width
        assert int.from_bytes(header[4:]) == image.height


def test_a_picture_beyond_the_end_is_rejected(tmp_path: Path) -> None:
    params = AnalysisParams(images=(ImageSpec(kind=ImageKind.MEL, start=50.0),))
    with pytest.raises(Rejected, match="lasts"):
        analyse(tmp_path, [(band(2)[0], None)], params)


def test_silence_is_skipped(tmp_path: Path) -> None:
    with pytest.raises(Skipped) as outcome:
        analyse(tmp_path, [(signals.silence(3.0), None)])
    assert outcome.value.reason == "silent"


@pytest.mark.parametrize("seconds", [0.06, 0.4, 1.5])
def test_very_short_audio_is_no_error(tmp_path: Path, seconds: float) -> None:
    result, document, _ = analyse(tmp_path, [(signals.noise(seconds), None)])
    assert result.duration == pytest.approx(seconds, abs=0.001)
    assert document.chords[-1].end == pytest.approx(seconds, abs=0.001)


def test_other_rates_give_the_same(tmp_path: Path) -> None:
    audio = signals.drum_loop(BPM, 8, sample_rate=48_000).audio
    path = write_audio(tmp_path / "48.flac", audio, 48_000)
    job = single_job(tmp_path, [audio_input(path)])
    result = handle(AnalysisParams(images=()), job, engine())
    assert result.tempo is not None
    assert result.tempo.bpm == pytest.approx(BPM, rel=0.005)


def test_a_loop_lasts_whole_bars(tmp_path: Path) -> None:
    loop = signals.drum_loop(94.3, 4)
    path = write_audio(tmp_path / "loop.flac", loop.audio)
    job = single_job(tmp_path, [audio_input(path)], kind=ItemKind.SAMPLE)
    handle(AnalysisParams(images=()), job, engine())
    (output,) = (file for file in job.outputs if file.kind is ArtifactKind.ANALYSIS)
    document = Analysis.model_validate_json(output.path.read_bytes())
    assert document.tempo is not None
    assert document.tempo.bpm == pytest.approx(94.3, rel=1e-4)
    assert [beat.position for beat in document.beats] == [1, 2, 3, 4] * 4


def test_what_does_not_belong_together_is_rejected(tmp_path: Path) -> None:
    first = write_audio(tmp_path / "a.flac", signals.noise(0.2))
    other = write_audio(tmp_path / "b.flac", signals.noise(0.2, sample_rate=22_050), 22_050)
    for inputs in (
        [],
        [audio_input(first), audio_input(first)],
        [audio_input(first), audio_input(other, stem=Stem.DRUMS)],
        [audio_input(first, stem=Stem.DRUMS), audio_input(first, stem=Stem.DRUMS)],
    ):
        with pytest.raises(Rejected):
            handle(AnalysisParams(), single_job(tmp_path, inputs), engine())


def test_parameters_out_of_range_are_refused() -> None:
    with pytest.raises(ValidationError, match="must be after its start"):
        ImageSpec(kind=ImageKind.MEL, start=2.0, end=1.0)
    with pytest.raises(ValidationError):
        AnalysisParams.model_validate({"tempi": True})


def test_opposite_channels_have_the_key_and_chords_of_equal_ones(tmp_path: Path) -> None:
    drums, chords = band(4)
    song = signals.mix(drums, chords)
    detected = []
    for name, right in (("equal", song), ("opposite", -song)):
        (tmp_path / name).mkdir()
        stereo = np.concatenate([song, right])
        result, document, _ = analyse(tmp_path / name, [(stereo, None)])
        assert result.key is not None
        detected.append((result.key.best.key, [(c.chord, c.start) for c in document.chords]))
    assert detected[0] == detected[1]
    assert detected[0][0] == "C:maj"


def test_a_change_of_tempo_is_reported(tmp_path: Path) -> None:
    audio, _ = signals.drum_song((100.0, 12), (130.0, 12))
    result, _, _ = analyse(tmp_path, [(audio, None)], AnalysisParams(images=()))
    assert result.tempo is not None
    assert [change.bpm for change in result.tempo.changes] == pytest.approx([100, 130], rel=0.01)
    assert [change.start for change in result.tempo.changes] == pytest.approx([0.0, 28.8], abs=1.5)
    assert result.tempo.steadiness > 0.9


def test_one_tempo_has_no_changes(tmp_path: Path) -> None:
    audio = signals.drum_loop(110.0, 16).audio
    result, _, _ = analyse(tmp_path, [(audio, None)], AnalysisParams(images=()))
    assert result.tempo is not None
    assert result.tempo.changes == ()
