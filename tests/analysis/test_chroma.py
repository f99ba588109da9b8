import numpy as np
import pytest

from kit.arrays import F32
from kit.signal.tuning import find_tuning
from services.analysis.chroma import between, chroma, non_negative
from tests.support import signals

RATE = 44_100


def tones(notes: tuple[float, ...], seconds: float = 2.0) -> F32:
    """Return sines with four harmonics at any pitch."""
    time = np.arange(round(seconds * RATE)) / RATE
    total = np.zeros(time.size)
    for note in notes:
        frequency = 440.0 * 2.0 ** ((note - 69) / 12)
        for harmonic in range(1, 5):
            total += 0.6**harmonic * np.sin(2 * np.pi * harmonic * frequency * time)
    return (0.2 * total / len(notes)).astype(np.float32)[None]


@pytest.mark.parametrize("cents", [-40, -15, 0, 25, 45])
def test_the_tuning_is_found_within_three_cents(cents: int) -> None:
    audio = tones((60 + cents / 100, 64 + cents / 100, 67 + cents / 100))
    assert 100 * find_tuning([audio], RATE).semitones == pytest.approx(cents, abs=3)


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
def test_a_chord_shows_its_notes(rate: int) -> None:
    audio = signals.chords([(60, 64, 67)], 2.0, sample_rate=rate)
    output = chroma([audio], rate)
    strongest = np.argsort(-output.treble.mean(axis=0))[:3]
    assert sorted(strongest.tolist()) == [0, 4, 7]


def test_harmonics_are_not_counted_as_notes() -> None:
    output = chroma([tones((48,))], RATE)
    shares = (output.treble + output.bass).mean(axis=0)
    shares = shares / shares.sum()
    # The third harmonic of C is a G; plain chroma gives it a fifth of the whole.
    assert shares[0] > 0.75
    assert shares[7] < 0.12


def test_a_detuned_chord_needs_the_shift() -> None:
    audio = tones((60.4, 64.4, 67.4))
    right = chroma([audio], RATE, shift=find_tuning([audio], RATE).semitones).treble.mean(axis=0)
    assert sorted(np.argsort(-right)[:3].tolist()) == [0, 4, 7]


def test_the_level_does_not_matter_to_the_shape() -> None:
    audio = signals.chords([(60, 64, 67)], 1.0)
    loud = chroma([audio], RATE).treble.mean(axis=0)
    soft = chroma([(audio * np.float32(0.01)).astype(np.float32)], RATE).treble.mean(axis=0)
    np.testing.assert_allclose(loud / loud.sum(), soft / soft.sum(), atol=0.02)


def test_empty_audio_has_no_frames() -> None:
    assert chroma([], RATE).treble.shape == (0, 12)
    assert find_tuning([], RATE).semitones == 0.0
    assert find_tuning([signals.silence(1.0)], RATE).semitones == 0.0


def test_a_non_negative_fit_finds_the_mixture() -> None:
    rng = np.random.default_rng(3)
    dictionary = rng.uniform(0, 1, (5, 40)).astype(np.float32)
    weights = np.array([[0, 1, 0, 0.5, 0], [2, 0, 0, 0, 1]], np.float32)
    result = non_negative(weights @ dictionary, dictionary)
    np.testing.assert_allclose(result, weights, atol=0.25)
    assert result.min() >= 0


def test_means_between_times() -> None:
    values = np.arange(10, dtype=np.float32)[:, None]
    means = between(values, 1.0, np.array([0.0, 2.0, 2.1, 10.0]))
    np.testing.assert_allclose(means[:, 0], [0.5, 2.0, 5.5])
