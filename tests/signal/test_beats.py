import numpy as np
import pytest

from kit.arrays import F32
from kit.signal.beats import NO_BEATS, BeatTrack, Length, track_beats
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


@pytest.mark.parametrize(("bpm", "bars"), [(93.7, 2), (121.3, 1), (168.2, 4)])
@pytest.mark.parametrize("is_sample", [True, False])
def test_a_loop_lasts_whole_bars(bpm: float, bars: int, is_sample: bool) -> None:
    audio = signals.drum_loop(bpm, bars).audio
    seconds = bars * 240.0 / bpm
    strength = onset_strength([audio], 44_100, level=loudness([audio]))
    track = track_beats(strength.total, strength.rate, length=Length(seconds, is_sample))
    assert track.loop is not None
    assert (track.loop.beats, track.loop.beats_per_bar) == (4 * bars, 4)
    assert track.bpm == pytest.approx(bpm, rel=1e-4)
    np.testing.assert_allclose(track.beats, np.arange(4 * bars) * 60.0 / bpm, atol=0.03)


def test_a_recording_that_was_cut_anywhere_is_no_loop() -> None:
    audio = signals.drum_loop(120.0, 4).audio[:, : round(7.13 * 44_100)]
    strength = onset_strength([audio], 44_100, level=loudness([audio]))
    track = track_beats(strength.total, strength.rate, length=Length(7.13, is_sample=False))
    assert track.loop is None
    assert track.bpm == pytest.approx(120.0, rel=0.01)


def test_beats_end_with_the_music() -> None:
    audio = np.concatenate([signals.drum_loop(120.0, 6).audio, signals.silence(4.0)], axis=1)
    assert beat_track_of(audio).beats[-1] < 12.1


def test_a_network_tells_the_tempo_apart() -> None:
    clicks = np.zeros(4000)
    clicks[::72] = 1.0
    activation = np.zeros(4000)
    activation[::144] = 1.0
    assert track_beats(clicks, 200.0).bpm == pytest.approx(166.7, rel=0.01)
    with_network = track_beats(clicks, 200.0, activation=activation)
    assert with_network.bpm == pytest.approx(83.3, rel=0.01)


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
