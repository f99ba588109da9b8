from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from contracts.analysis import Analysis, Beat, TempoEstimate
from contracts.items import ArtifactKind, ItemKind
from contracts.music import Stem
from contracts.slicing import SliceEnd, SliceKind, Slices, SlicingParams, SlicingResult
from kit.arrays import F32
from kit.audio.decode import read
from kit.audio.waveform import waveform_of
from kit.worker.engines import EngineContext
from kit.worker.job import Job, JobInput
from kit.worker.outcomes import Rejected, Skipped
from services.slicing.engine import load_engine
from services.slicing.handler import handle
from tests.support import signals
from tests.support.single_job import SUBJECT, audio_input, single_job, write_audio

RATE = 44_100


def run_slicing(
    tmp_path: Path,
    audio: F32,
    params: SlicingParams | None = None,
    *,
    rate: int = RATE,
    stem: Stem | None = None,
    start: int | None = None,
    more: tuple[JobInput, ...] = (),
) -> tuple[SlicingResult, Slices, Job]:
    path = write_audio(tmp_path / "song.flac", audio, rate)
    job = single_job(tmp_path, [audio_input(path, stem=stem, start=start), *more])
    result = handle(params or SlicingParams(), job, load_engine(EngineContext()))
    document = next(output for output in job.outputs if output.kind is ArtifactKind.SLICES)
    return result, Slices.model_validate_json(document.path.read_bytes()), job


def test_a_drum_loop_is_cut_at_every_hit_without_losing_an_attack(tmp_path: Path) -> None:
    loop = signals.drum_loop(110.0, 4)
    result, document, job = run_slicing(tmp_path, loop.audio, stem=Stem.DRUMS)
    shots = [piece for piece in document.slices if piece.kind is SliceKind.ONE_SHOT]
    assert result.one_shots == len(shots) == len(loop.hats)
    for piece, truth in zip(shots, sorted(loop.hats), strict=True):
        at = truth * RATE
        assert at - 0.012 * RATE <= piece.start <= at + 1
        assert piece.start + piece.fade_in <= at + 1
        assert piece.start <= piece.onset < piece.end
    for shot, following in pairwise(shots):
        assert shot.end <= following.start
    assert {output.stem for output in job.outputs} == {Stem.DRUMS}


def test_files_are_the_parent_between_start_and_end(tmp_path: Path) -> None:
    loop = signals.drum_loop(110.0, 2)
    _, document, job = run_slicing(tmp_path, loop.audio, SlicingParams(fade_in_ms=0, fade_out_ms=0))
    parent = read(tmp_path / "song.flac")
    outputs = {output.name: output for output in job.outputs}
    stored = [piece for piece in document.slices if piece.file]
    assert len(stored) >= len(loop.hats)
    for piece in stored:
        assert piece.file is not None
        output = outputs[piece.file]
        np.testing.assert_array_equal(read(output.path), parent[:, piece.start : piece.end])
        assert (output.start, output.end) == (piece.start, piece.end)
        assert output.item is ItemKind.SAMPLE
        assert output.audio is not None
        assert output.audio.samples == piece.end - piece.start
        assert output.waveform == waveform_of(parent[:, piece.start : piece.end])


def test_cuts_lie_on_zero_crossings(tmp_path: Path) -> None:
    loop = signals.drum_loop(120.0, 2)
    _, document, job = run_slicing(tmp_path, loop.audio)
    parent = read(tmp_path / "song.flac")
    for piece in document.slices:
        around = parent[0, max(0, piece.start - 1) : piece.start + 2]
        crosses = around.min() <= 1e-4 and around.max() >= -1e-4
        # Where a low tone does not cross zero within 4 ms, the cut lies where it is smallest.
        assert crosses or np.abs(around).max() < 0.02
    for output in job.outputs:
        if output.kind is ArtifactKind.SAMPLE:
            assert np.abs(read(output.path)[:, -1]).max() < 1e-3


def test_like_hits_are_grouped_and_the_best_of_each_is_marked(tmp_path: Path) -> None:
    loop = signals.drum_loop(100.0, 4)
    result, document, _ = run_slicing(tmp_path, loop.audio)
    shots = [piece for piece in document.slices if piece.kind is SliceKind.ONE_SHOT]
    kinds = ["kick", "hat", "snare", "hat"] * 8
    groups: dict[str, set[int | None]] = {"kick": set(), "snare": set(), "hat": set()}
    for piece, kind in zip(shots, kinds, strict=True):
        groups[kind].add(piece.group)
    assert not groups["kick"] & groups["snare"]
    assert not groups["kick"] & groups["hat"]
    assert result.groups <= 6
    for number in {piece.group for piece in shots}:
        members = [piece for piece in shots if piece.group == number]
        best = [piece for piece in members if piece.best]
        assert len(best) == 1
        assert best[0].score == max(piece.score for piece in members)


@pytest.mark.parametrize("bpm", [100.0, 128.0])
def test_loops_are_whole_bars(tmp_path: Path, bpm: float) -> None:
    loop = signals.drum_loop(bpm, 9)
    result, document, _ = run_slicing(tmp_path, loop.audio)
    loops = [piece for piece in document.slices if piece.kind is SliceKind.LOOP]
    assert result.steady
    assert result.bpm == pytest.approx(bpm, rel=0.005)
    assert {piece.bars for piece in loops} == {1, 2, 4}
    for piece in loops:
        assert piece.bars is not None
        seconds = (piece.end - piece.start) / RATE
        assert seconds == pytest.approx(piece.bars * 4 * 60.0 / bpm, abs=0.012)
        assert piece.bpm == pytest.approx(bpm, rel=0.01)
    stored = [piece for piece in loops if piece.file]
    assert stored
    assert all(piece.best for piece in stored)


def test_a_loop_over_a_sustained_sound_repeats_without_a_click(tmp_path: Path) -> None:
    drums = signals.drum_loop(100.0, 9).audio
    time = np.arange(drums.shape[-1]) / RATE
    tone = 0.2 * np.sin(2 * np.pi * 523.4 * time)
    parent = (0.7 * drums + tone).astype(np.float32)
    _, document, job = run_slicing(tmp_path, parent, SlicingParams(fade_out_ms=8))
    outputs = {output.name: output for output in job.outputs}
    song = read(tmp_path / "song.flac")
    loops = [p for p in document.slices if p.kind is SliceKind.LOOP and p.file]
    assert loops
    for piece in loops:
        file = read(outputs[piece.file or ""].path)
        kept = file.shape[1] - piece.fade_out
        np.testing.assert_array_equal(file[:, :kept], song[:, piece.start : piece.start + kept])
        # Its last sample leads to its first one as the recording does there.
        assert piece.fade_out == (round(0.008 * RATE) if piece.start else RATE // 1000)
        if piece.start:
            np.testing.assert_allclose(file[:, -1], song[:, piece.start - 1], atol=2e-4)


def test_a_loop_that_is_off_the_beat_is_not_the_best(tmp_path: Path) -> None:
    audio, bar = signals.drum_loop(120.0, 8).audio, 2 * RATE
    # The third bar begins 35 ms late: the bar before it is too long, and it is too short itself.
    late = np.roll(audio[:, 2 * bar : 3 * bar], round(0.035 * RATE), axis=1)
    audio = np.concatenate([audio[:, : 2 * bar], late, audio[:, 3 * bar :]], axis=1)
    _, document, _ = run_slicing(tmp_path, audio, SlicingParams(bars=(1,)))
    best = [p for p in document.slices if p.kind is SliceKind.LOOP and p.best]
    assert best
    for piece in best:
        assert (piece.end - piece.start) / RATE == pytest.approx(2.0, rel=0.01)


def test_the_grid_of_an_analysis_is_used(tmp_path: Path) -> None:
    loop = signals.drum_loop(120.0, 8)
    tempo = TempoEstimate(
        bpm=60.0, confidence=0.9, steadiness=1.0, candidates=(), beats_per_bar=3,
        downbeat_confidence=1.0,
    )  # fmt: skip
    beats = tuple(Beat(time=float(index), position=index % 3 + 1) for index in range(16))
    analysis_path = tmp_path / "analysis.json"
    analysis_path.write_text(Analysis(duration=16.0, tempo=tempo, beats=beats).model_dump_json())
    extra = JobInput(
        path=analysis_path,
        kind=ArtifactKind.ANALYSIS,
        name=analysis_path.name,
        subject=SUBJECT,
        sha256="0" * 64,
    )
    _, document, _ = run_slicing(tmp_path, loop.audio, SlicingParams(bars=(1,)), more=(extra,))
    loops = [piece for piece in document.slices if piece.kind is SliceKind.LOOP]
    assert [round((piece.end - piece.start) / RATE, 1) for piece in loops] == [3.0] * len(loops)
    assert len(loops) == 5


def test_a_known_tempo_is_taken(tmp_path: Path) -> None:
    loop = signals.drum_loop(120.0, 8)
    _, document, _ = run_slicing(tmp_path, loop.audio, SlicingParams(bpm=60.0, bars=(1,)))
    lengths = {
        round((piece.end - piece.start) / RATE, 1)
        for piece in document.slices
        if piece.kind is SliceKind.LOOP
    }
    assert lengths == {4.0}


def test_normalised_files_reach_the_peak(tmp_path: Path) -> None:
    loop = signals.drum_loop(110.0, 2)
    quiet = (loop.audio * np.float32(0.05)).astype(np.float32)
    params = SlicingParams(normalise=True, peak_dbfs=-3.0, loops=False)
    _, document, job = run_slicing(tmp_path, quiet, params)
    outputs = {output.name: output.path for output in job.outputs}
    for piece in document.slices:
        assert piece.file is not None
        peak = 20 * np.log10(np.abs(read(outputs[piece.file])).max())
        assert peak == pytest.approx(-3.0, abs=0.2)
        assert piece.gain_db == pytest.approx(-3.0 - piece.peak_dbfs)


def test_positions_of_a_stem_that_was_cut_from_its_item_are_the_items(tmp_path: Path) -> None:
    loop = signals.drum_loop(110.0, 1)
    _, document, job = run_slicing(tmp_path, loop.audio, stem=Stem.DRUMS, start=5000)
    first = next(output for output in job.outputs if output.kind is ArtifactKind.SAMPLE)
    assert first.start == document.slices[0].start + 5000


def test_limits_on_files_keep_the_best_of_each_group(tmp_path: Path) -> None:
    loop = signals.drum_loop(110.0, 4)
    result, document, job = run_slicing(tmp_path, loop.audio, SlicingParams(best_only=True))
    stored = [piece for piece in document.slices if piece.file]
    assert all(piece.best for piece in stored)
    assert result.stored == len(stored) == len(job.outputs) - 1
    assert len(document.slices) > len(stored)


def test_a_long_gap_is_gated_and_ends_are_decays(tmp_path: Path) -> None:
    audio, times = signals.clicks(20.0, 9.0, first=0.5)
    _, document, _ = run_slicing(tmp_path, audio, SlicingParams(loops=False))
    assert len(document.slices) == len(times)
    assert {piece.end_reason for piece in document.slices} == {SliceEnd.DECAY}
    assert all((piece.end - piece.start) / RATE < 0.1 for piece in document.slices)


def test_stereo_and_other_rates_work(tmp_path: Path) -> None:
    loop = signals.drum_loop(110.0, 2, sample_rate=48_000)
    both = np.concatenate([loop.audio, 0.5 * loop.audio])
    result, _, job = run_slicing(tmp_path, both, rate=48_000)
    assert result.one_shots == len(loop.hats)
    assert read(job.outputs[0].path).shape[0] == 2


def test_silence_is_skipped(tmp_path: Path) -> None:
    with pytest.raises(Skipped) as outcome:
        run_slicing(tmp_path, signals.silence(2.0))
    assert outcome.value.reason == "silent"


def test_what_is_too_short_is_skipped(tmp_path: Path) -> None:
    with pytest.raises(Skipped) as outcome:
        run_slicing(tmp_path, signals.noise(0.01))
    assert outcome.value.reason == "too_short"


def test_two_recordings_are_rejected(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "a.flac", signals.noise(0.1))
    job = single_job(tmp_path, [audio_input(path), audio_input(path)])
    with pytest.raises(Rejected, match="one recording"):
        handle(SlicingParams(), job, load_engine(EngineContext()))


def test_parameters_out_of_range_are_refused() -> None:
    with pytest.raises(ValidationError):
        SlicingParams(sensitivity=1.5)
    with pytest.raises(ValidationError):
        SlicingParams.model_validate({"sensitivty": 0.5})


def test_more_sensitivity_finds_no_less(tmp_path: Path) -> None:
    loop = signals.drum_loop(110.0, 4)
    audio = (
        loop.audio
        + signals.noise(loop.audio.shape[1] / RATE, amplitude=0.02)[:, : loop.audio.shape[1]]
    )
    counts = [
        len(run_slicing(tmp_path, audio, SlicingParams(sensitivity=value, loops=False))[1].slices)
        for value in (0.2, 0.8)
    ]
    assert counts[0] <= counts[1]


def test_a_stem_with_nothing_of_its_song_gives_no_samples(tmp_path: Path) -> None:
    """Where nobody sings, the vocal stem holds what leaked into it."""
    band = signals.mix(
        signals.drum_loop(110.0, 4).audio, signals.chords([(60, 64, 67)] * 4, 60 / 110 * 4)
    )
    song = (audio_input(write_audio(tmp_path / "whole.flac", band)),)
    with pytest.raises(Skipped, match="20 dB below the mix") as skipped:
        run_slicing(tmp_path, 0.1 * band, stem=Stem.VOCALS, more=song)
    assert skipped.value.reason == "not_heard"
    result, _, _ = run_slicing(tmp_path, band, stem=Stem.ACCOMPANIMENT, more=song)
    assert result.one_shots
    assert "several instruments" in result.remark


@pytest.mark.parametrize("sides", [(1, -1), (1, 1)], ids=["opposite", "equal"])
def test_opposite_channels_are_cut_where_equal_ones_are(
    tmp_path: Path, sides: tuple[int, int]
) -> None:
    loop = signals.drum_loop(110.0, 4).audio
    _, document, _ = run_slicing(tmp_path, np.array(sides, np.float32)[:, None] * loop)
    (tmp_path / "mono").mkdir()
    _, known, _ = run_slicing(tmp_path / "mono", loop)
    assert [(s.start, s.end) for s in document.slices] == [(s.start, s.end) for s in known.slices]


@pytest.mark.parametrize("offset", [0.002, 0.02, 0.2])
def test_an_offset_changes_no_cut_and_stays_in_what_is_stored(
    tmp_path: Path, offset: float
) -> None:
    hits = np.zeros((1, 7 * RATE), np.float32)
    time = np.arange(round(0.12 * RATE)) / RATE
    for number in range(10):
        at = round((0.5 + 0.6 * number) * RATE)
        wave = 0.6 * np.sin(2 * np.pi * (180 + 40 * (number % 3)) * time) * np.exp(-45 * time)
        hits[0, at : at + len(time)] += wave.astype(np.float32)
    (tmp_path / "plain").mkdir()
    _, known, _ = run_slicing(tmp_path / "plain", hits)
    params = SlicingParams(fade_in_ms=0, fade_out_ms=0)
    _, document, job = run_slicing(tmp_path, hits + np.float32(offset), params)
    shots = [s for s in document.slices if s.kind is SliceKind.ONE_SHOT]
    truth = [s for s in known.slices if s.kind is SliceKind.ONE_SHOT]
    assert len(shots) == len(truth) == 10
    for shot, other in zip(shots, truth, strict=True):
        assert abs(shot.start - other.start) <= 0.005 * RATE
        assert abs(shot.end - other.end) <= 0.015 * RATE
    stored = {output.name: output.path for output in job.outputs}
    for piece in shots:
        if piece.file is not None:
            parent = read(tmp_path / "song.flac")[:, piece.start : piece.end]
            np.testing.assert_array_equal(read(stored[piece.file]), parent)
