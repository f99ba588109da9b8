import numpy as np
import pytest

from kit.arrays import F32
from kit.signal.beats import NO_BEATS, BeatTrack, tempo_grid, track_beats, whole_beats
from kit.signal.onsets import loudness, onset_strength
from tests.support import signals


def beat_track_of(audio: F32) -> BeatTrack:
    strength = onset_strength([audio], 44_100, level=loudness([audio]))
    return track_beats(strength.total, strength.rate)


@pytest.mark.parametrize("bpm", [84.0, 96.0, 100.0, 120.0, 128.0, 150.0])
def test_the_tempo_and_beats_of_a_drum_loop(bpm: float) -> None:
    loop = signals.drum_loop(bpm, 8)
    track = beat_track_of(loop.audio)
    assert track.bpm == pytest.approx(bpm, rel=0.005)
    assert track.steadiness > 0.9
    # The end of the loop is where the next beat would fall.
    beats = np.array([*loop.beats, 32 * 60.0 / bpm])
    near = [float(np.abs(beats - beat).min()) for beat in track.beats]
    assert max(near) < 0.03
    assert len(track.beats) >= len(beats) - 2


def test_half_and_double_are_among_the_candidates() -> None:
    track = beat_track_of(signals.drum_loop(100.0, 8).audio)
    offered = [candidate.bpm for candidate in track.candidates]
    assert offered[0] == pytest.approx(100.0, rel=0.01)
    assert any(bpm == pytest.approx(50.0, rel=0.04) for bpm in offered)
    assert any(bpm == pytest.approx(200.0, rel=0.04) for bpm in offered)
    assert sum(candidate.weight for candidate in track.candidates) == pytest.approx(1.0)


def test_a_loop_is_likelier_to_last_whole_bars() -> None:
    bpms = tempo_grid()
    factor = whole_beats(bpms, 5.0)
    assert factor[np.argmin(np.abs(bpms - 96.0))] == pytest.approx(1.3, abs=0.05)
    assert factor[np.argmin(np.abs(bpms - 110.0))] == pytest.approx(1.0, abs=0.01)


def test_a_slow_drift_is_followed() -> None:
    steps = np.linspace(0.55, 0.45, 60)
    times = np.concatenate([[0.2], 0.2 + np.cumsum(steps)])
    curve = np.zeros(round((times[-1] + 0.5) * 200))
    curve[np.round(times * 200).astype(int)] = 1.0
    track = track_beats(curve, 200.0)
    near = [float(np.abs(times - beat).min()) for beat in track.beats]
    assert float(np.mean(np.array(near) < 0.03)) > 0.95


def test_what_has_no_beat_has_low_confidence() -> None:
    steady = beat_track_of(signals.drum_loop(120.0, 8).audio)
    drone = beat_track_of(signals.noise(16.0))
    assert drone.confidence < 0.5 * steady.confidence


def test_silence_has_no_beats() -> None:
    assert track_beats(np.zeros(2000), 200.0) is NO_BEATS
    assert track_beats(np.ones(20), 200.0) is NO_BEATS
    assert track_beats(np.ones(4000), 200.0).confidence <= 1.0


@pytest.mark.parametrize("tempi", [(100.0, 130.0), (130.0, 100.0), (120.0, 90.0), (96.0, 104.0)])
def test_a_step_in_tempo_is_two_tempi(tempi: tuple[float, float]) -> None:
    audio, truth = signals.drum_song(*((bpm, 12) for bpm in tempi))
    track = beat_track_of(audio)
    assert [stretch.bpm for stretch in track.stretches] == pytest.approx(tempi, rel=0.01)
    away = np.array([np.abs(np.array(truth) - beat).min() for beat in track.beats[:-1]])
    assert np.mean(away < 0.05) > 0.95
    step = truth[48]
    assert abs(track.beats[track.stretches[1].first] - step) < 2.0
    assert track.bpm in [stretch.bpm for stretch in track.stretches]


@pytest.mark.parametrize("bpm", [84.0, 100.0, 128.0])
def test_one_tempo_is_one_stretch(bpm: float) -> None:
    (only,) = beat_track_of(signals.drum_loop(bpm, 24).audio).stretches
    assert only.bpm == pytest.approx(bpm, rel=0.005)
