"""A stem is believed where it holds a sound of its own, never where it holds a leak."""

from pathlib import Path

import numpy as np
import pytest

from contracts.music import Stem
from kit.arrays import F32
from kit.audio.presence import absence, measure_presence
from tests.support import signals
from tests.support.single_job import write_audio


def chords(seconds: float = 12.0) -> F32:
    bars = [(60, 64, 67), (57, 60, 64), (65, 69, 72), (67, 71, 74)] * 4
    return signals.chords(bars[: round(seconds / 2)], 2.0)


def sung(at: float, seconds: float, total: float, *, level: float = 0.5) -> F32:
    """Return a voice that sings once."""
    voice = signals.voice("aeiou" * 4, seconds_each=seconds / 20, note=55, amplitude=level)
    audio = np.zeros((1, round(total * 44_100)), np.float32)
    audio[:, round(at * 44_100) :][:, : voice.shape[1]] += voice
    return audio


def absence_of(folder: Path, stem: F32, mix: F32, which: Stem) -> str | None:
    return absence(
        write_audio(folder / "stem.flac", stem), write_audio(folder / "mix.flac", mix), which
    )


def test_a_voice_of_two_seconds_is_detected(tmp_path: Path) -> None:
    band, voice = chords(), sung(5.0, 2.0, 12.0)
    assert absence_of(tmp_path, voice + 0.05 * band, band + voice, Stem.VOCALS) is None


@pytest.mark.parametrize("share", [1e-5, 0.02, 0.1, 0.5, 0.7])
def test_what_leaked_into_the_vocals_is_no_voice(tmp_path: Path, share: float) -> None:
    """Masks take a share of every bin where nobody sings."""
    band = chords()
    reason = absence_of(tmp_path, np.float32(share) * band, band, Stem.VOCALS)
    assert reason is not None
    assert f"{-20 * np.log10(share):.0f} dB below the mix" in reason


def test_silence_holds_nothing(tmp_path: Path) -> None:
    band = chords()
    for which in (Stem.VOCALS, Stem.DRUMS, Stem.BASS, Stem.OTHER):
        assert absence_of(tmp_path, np.zeros_like(band), band, which) is not None
    assert absence_of(tmp_path, np.zeros_like(band), np.zeros_like(band), Stem.OTHER) is not None


@pytest.mark.parametrize("gain", [1.0, 0.25])
def test_soft_drums_are_detected(tmp_path: Path, gain: float) -> None:
    band, drums = chords(8.0), np.float32(gain) * signals.drum_loop(120.0, 4).audio
    assert absence_of(tmp_path, drums + 0.03 * band, band + drums, Stem.DRUMS) is None


def test_attacks_that_leaked_into_the_drums_are_no_drums(tmp_path: Path) -> None:
    band = chords(8.0)
    leak = np.zeros_like(band)
    for bar in range(4):
        leak[:, bar * 88_200 : bar * 88_200 + 2205] = 0.4 * band[:, bar * 88_200 :][:, :2205]
    reason = absence_of(tmp_path, leak, band, Stem.DRUMS)
    assert reason is not None
    assert "No drums were detected in this song" in reason


def test_an_instrument_has_to_be_audible_only(tmp_path: Path) -> None:
    band = chords(8.0)
    assert absence_of(tmp_path, 0.3 * band, band, Stem.BASS) is None
    reason = absence_of(tmp_path, 0.01 * band, band, Stem.BASS)
    assert reason == "No bass was detected in this song: the bass stem is 40 dB below the mix."


def test_gain_and_polarity_change_nothing(tmp_path: Path) -> None:
    band, voice = chords(), sung(5.0, 2.0, 12.0)
    signs = np.array([[1.0], [-1.0]], np.float32)
    for gain in (1.0, 0.01):
        stem, mix = gain * signs * voice, gain * signs * (band + voice)
        assert absence_of(tmp_path, stem, mix, Stem.VOCALS) is None


def test_a_stem_of_another_recording_is_refused(tmp_path: Path) -> None:
    first = write_audio(tmp_path / "one.flac", chords(2.0))
    other = write_audio(tmp_path / "other.flac", chords(2.0), 22_050)
    with pytest.raises(ValueError, match="not separated from it"):
        measure_presence(first, other)
