"""A constant offset is found, and only where there is one."""

import numpy as np
import pytest

from kit.arrays import F32
from kit.audio.offset import find_offset, without_offset
from tests.support import signals

RATE = 44_100


def dc_offsets(audio: F32, block: int = 10_000) -> list[float]:
    parts = [audio[:, at : at + block] for at in range(0, audio.shape[1], block)]
    return [float(offset) for offset in find_offset(parts, RATE)[:, 0]]


def drums() -> F32:
    loop = signals.drum_loop(90.0, 4).audio
    return np.concatenate([signals.silence(1.0), loop], axis=1)


@pytest.mark.parametrize("offset", [0.002, -0.005, 0.02, 0.2])
@pytest.mark.parametrize("block", [1000, 10_000, 10**7])
def test_an_offset_is_found(offset: float, block: int) -> None:
    audio = (0.7 * drums() + np.float32(offset)).astype(np.float32)
    assert dc_offsets(audio, block) == pytest.approx([offset], rel=0.02)


def test_each_channel_has_its_own() -> None:
    audio = 0.5 * np.concatenate([drums(), drums()]) + np.array([[0.01], [0.0]], np.float32)
    assert dc_offsets(audio) == pytest.approx([0.01, 0.0], abs=1e-4)
    assert dc_offsets(audio)[1] == 0.0


@pytest.mark.parametrize(
    "audio",
    [
        drums(),
        signals.chords([(36, 48), (31, 43)] * 4, 1.0),
        signals.sine(30.0, 8.0, amplitude=0.9),
        signals.noise(5.0),
        signals.silence(3.0),
        signals.voice(),
        signals.tone(28, 0.3),
        np.zeros((1, 3), np.float32),
    ],
    ids=["drums", "bass", "low sine", "noise", "silence", "voice", "one-shot", "nothing"],
)
def test_what_has_none_stays_untouched(audio: F32) -> None:
    assert dc_offsets(audio) == [0.0]
    assert next(without_offset([audio], np.zeros((1, 1), np.float32))) is audio


def test_a_struck_sound_shows_it_in_its_tail() -> None:
    time = np.arange(round(0.2 * RATE)) / RATE
    kick = (0.8 * np.sin(2 * np.pi * 60 * time) * np.exp(-40 * time) + 0.02).astype(np.float32)
    assert dc_offsets(kick[None]) == pytest.approx([0.02], abs=0.002)
