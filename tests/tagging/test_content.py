"""Music, singing and speech: the rules on known measures, and a voice made of pulses."""

import numpy as np
import pytest

from contracts.tagging import ContentKind, ContentSegment, TagSource
from kit.arrays import F32
from services.tagging.content import VoiceMeter, detect_content, shares
from services.tagging.mel import HOP, PATCH
from services.tagging.vocabulary import VOCABULARY
from services.tagging.voice_activity import CHUNK, RATE

MUSIC, SINGING, SPEECH = ContentKind.MUSIC, ContentKind.SINGING, ContentKind.SPEECH
SECONDS = PATCH * HOP / RATE
PATCHES = 5


def tags(*, voice: bool, patches: int = PATCHES) -> F32:
    """Return tags of patches with a voice, or without one."""
    names = VOCABULARY[TagSource.MTT]
    row = np.full(len(names), 0.01, np.float32)
    row[names.index("vocals" if voice else "no vocals")] = 0.9
    return np.tile(row, (patches, 1))


def speech(probability: float, patches: int = PATCHES) -> F32:
    return np.full(round(patches * SECONDS * RATE / CHUNK), probability, np.float32)


def voice(pitches: list[float], each: float, *, pause: float = 0.0) -> F32:
    """Return pulses at each pitch in Hz for `each` seconds, five patches long, with pauses."""
    clock = np.arange(round(each * RATE)) / RATE
    rest = np.zeros(round(pause * RATE))
    parts = []
    for pitch in pitches:
        wave = sum(np.cos(2 * np.pi * harmonic * pitch * clock) for harmonic in range(1, 12))
        parts += [0.02 * wave, rest]
    whole = np.concatenate(parts)
    return np.resize(whole, round(PATCHES * SECONDS * RATE)).astype(np.float32)


def meter_of(audio: F32) -> VoiceMeter:
    meter = VoiceMeter()
    for start in range(0, audio.size, 10_000):
        meter.feed(audio[start : start + 10_000])
    return meter


def kinds_of(audio: F32, *, probability: float, sung: bool) -> set[ContentKind]:
    duration = audio.size / RATE
    segments = detect_content(tags(voice=sung), speech(probability), meter_of(audio), duration)
    assert all(part.start == 0.0 and part.end == duration for part in segments)
    return {part.kind for part in segments}


STEADY = voice([220.0, 246.9, 196.0], 0.9, pause=0.3)
GLIDING = np.concatenate(
    [voice(list(np.linspace(100, 180, 40)), 0.008, pause=0.0)[: RATE // 5], np.zeros(RATE // 10)]
    * 50
).astype(np.float32)[: STEADY.size]


@pytest.mark.parametrize(
    ("audio", "probability", "sung", "expected"),
    [
        (STEADY, 0.0, False, {MUSIC}),
        (STEADY, 0.1, True, {MUSIC, SINGING}),
        (STEADY, 0.9, True, {SINGING}),
        (GLIDING, 0.9, True, {SPEECH}),
    ],
)
def test_measures_decide(
    audio: F32, probability: float, sung: bool, expected: set[ContentKind]
) -> None:
    assert kinds_of(audio, probability=probability, sung=sung) == expected


@pytest.mark.parametrize(
    ("probability", "expected"), [(0.9, {MUSIC, SPEECH}), (0.5, {MUSIC, SINGING})]
)
def test_a_voice_without_pauses_has_an_accompaniment(
    probability: float, expected: set[ContentKind]
) -> None:
    noise = 0.02 * np.random.default_rng(1).standard_normal(GLIDING.size)
    audio = (GLIDING + noise).astype(np.float32)
    assert kinds_of(audio, probability=probability, sung=True) == expected


def test_silence_contains_nothing() -> None:
    audio = np.zeros(STEADY.size, np.float32)
    assert kinds_of(audio, probability=0.0, sung=False) == set()
    assert shares((), 15.0) == {MUSIC: 0.0, SINGING: 0.0, SPEECH: 0.0}


def test_segments_begin_and_end_where_the_content_changes() -> None:
    """Ten patches of music, then twenty of a voice alone; around the change both are judged."""
    audio = np.concatenate([STEADY, STEADY, *[GLIDING] * 4])
    probabilities = np.concatenate([speech(0.0, 10), speech(0.95, 20)])
    labels = np.concatenate([tags(voice=False, patches=10), tags(voice=True, patches=20)])
    segments = detect_content(labels, probabilities, meter_of(audio), audio.size / RATE)
    first, last = segments[0], segments[-1]
    assert (first.kind, first.start) == (MUSIC, 0.0)
    assert (last.kind, last.end) == (SPEECH, audio.size / RATE)
    for changed in (first.end, last.start):
        assert changed == pytest.approx(10 * SECONDS, abs=3 * SECONDS)
    taken = shares(segments, audio.size / RATE)
    assert taken[SPEECH] == pytest.approx(2 / 3, abs=0.1)


def test_a_recording_shorter_than_a_patch_ends_where_it_ends() -> None:
    audio = STEADY[:RATE]
    segments = detect_content(tags(voice=False, patches=1), speech(0.0, 1), meter_of(audio), 1.0)
    assert segments == (ContentSegment(kind=MUSIC, start=0.0, end=1.0),)


def test_blocks_do_not_matter() -> None:
    whole, parts = VoiceMeter(), meter_of(STEADY)
    whole.feed(STEADY)
    for values, again in zip(whole.finish(), parts.finish(), strict=True):
        np.testing.assert_allclose(values, again, atol=1e-6)
    pitches = parts.finish()[1]
    # A sound of 220 Hz has this number of semitones above 1 Hz.
    assert np.nanmedian(pitches[5:50]) == pytest.approx(12 * np.log2(220.0), abs=0.05)
