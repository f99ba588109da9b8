"""Streams of any length: the same notes however they are cut, and flat memory."""

import numpy as np
import pytest
import soxr

from kit.arrays import F32
from kit.notes.assembly import NoteEvent
from kit.notes.detection import Options, Posteriors
from kit.notes.partials import FRAME, HOP, RATE
from services.midi.engine import BATCH, KEPT_FRAMES, WINDOW, Engine
from services.midi.streaming import NoteTranscriber
from tests.midi import music
from tests.midi.music import KnownNote, matched, perform


def at_rate(audio: np.ndarray) -> F32:
    output: F32 = soxr.resample(audio[0], music.RATE, RATE).astype(np.float32)
    return output


def transcribe(
    audio: F32, engine: Engine, *, block: int = 65_536, stretch: int = 2584
) -> list[NoteEvent]:
    transcriber = NoteTranscriber(engine, Options(), stretch=stretch)
    notes: list[NoteEvent] = []
    for first in range(0, len(audio), block):
        notes += transcriber.feed(audio[first : first + block])
    notes += transcriber.finish()
    return sorted(notes, key=lambda note: (note.start, note.pitch))


def rounded_notes(notes: list[NoteEvent]) -> list[tuple[float, float, int]]:
    return [(round(n.start, 6), round(n.end, 6), n.pitch) for n in notes]


@pytest.fixture(scope="module")
def song() -> F32:
    """Twenty seconds with pauses."""
    notes = [
        KnownNote(phrase * 4.0 + note.start, phrase * 4.0 + note.end, note.pitch + phrase)
        for phrase in range(5)
        for note in music.SCALE[:8]
    ]
    return at_rate(perform(notes))


def test_blocks_do_not_matter(song: F32, engine: Engine) -> None:
    whole = transcribe(song, engine, block=len(song))
    assert len(whole) > 30
    for block in (4096, 50_001):
        cut = transcribe(song, engine, block=block)
        assert rounded_notes(cut) == rounded_notes(whole)
        for cut_note, whole_note in zip(cut, whole, strict=True):
            np.testing.assert_array_equal(cut_note.bends, whole_note.bends)
            assert cut_note.confidence == pytest.approx(whole_note.confidence)
            assert cut_note.level == pytest.approx(whole_note.level, abs=0.01)


@pytest.mark.parametrize("stretch", [400, 600, 1000])
def test_stretches_cut_in_pauses_do_not_matter(song: F32, engine: Engine, stretch: int) -> None:
    whole = transcribe(song, engine, stretch=10_000)
    assert rounded_notes(transcribe(song, engine, stretch=stretch)) == rounded_notes(whole)


def test_a_held_note_is_one_note_over_many_stretches(engine: Engine) -> None:
    audio = at_rate(perform([KnownNote(0.5, 19.5, 57), KnownNote(0.5, 19.5, 64)], decay=0))
    notes = transcribe(audio, engine, stretch=400)
    long = [note for note in notes if note.end - note.start > 17]
    assert sorted(note.pitch for note in long) == [57, 64]
    for note in long:
        assert note.start == pytest.approx(0.5, abs=0.05)
        assert len(note.bends) == pytest.approx((note.end - note.start) / FRAME, abs=1)


def test_a_string_rings_on_over_many_stretches(engine: Engine) -> None:
    low, others = (
        KnownNote(0.5, 12.5, 48),
        [KnownNote(1 + i, 1.7 + i, 79 + i % 3) for i in range(12)],
    )
    rung = at_rate(perform([low], decay=3.0))
    audio = rung + 0.2 * np.resize(at_rate(perform(others, decay=0.3)), len(rung))
    whole, cut = (transcribe(audio, engine, stretch=stretch) for stretch in (10_000, 400))
    for notes in (whole, cut):
        note = max(notes, key=lambda n: n.end - n.start)
        assert (note.pitch, note.start) == (48, pytest.approx(0.5, abs=0.05))
        assert len(note.bends) == pytest.approx((note.end - note.start) / FRAME, abs=1)
        assert np.abs(note.bends[-20:]).max() < 0.3
    first, second = (max(notes, key=lambda n: n.end - n.start) for notes in (whole, cut))
    assert first.end - first.start > 5
    assert second.end == pytest.approx(first.end, abs=0.5)


def test_repeated_notes_without_a_pause(engine: Engine) -> None:
    notes = [KnownNote(0.3 + 0.2 * i, 0.3 + 0.2 * i + 0.18, 60 + 2 * (i % 2)) for i in range(60)]
    whole = transcribe(at_rate(perform(notes)), engine, stretch=10_000)
    cut = transcribe(at_rate(perform(notes)), engine, stretch=400)
    result = [KnownNote(n.start, n.end, n.pitch) for n in cut]
    precision, recall = matched(notes, result)
    assert min(precision, recall) > 0.95
    assert abs(len(cut) - len(whole)) <= 1


class Hum:
    """An engine that hears two pitches in everything, for ever: there is never a quiet moment."""

    description = "hum"
    weights = "none"

    def __init__(self) -> None:
        self.max_windows = 0

    def run(self, windows: F32) -> Posteriors:
        assert windows.shape[1] == WINDOW
        assert 1 <= len(windows) <= BATCH
        self.max_windows = max(self.max_windows, len(windows))
        frames = len(windows) * KEPT_FRAMES
        note = np.full((frames, 88), 0.01, np.float32)
        note[:, [30, 42]] = 0.9
        onset = np.zeros((frames, 88), np.float32)
        onset[7::100, 42] = 0.9
        return Posteriors(onset, note, np.zeros((frames, 264), np.float32))


def test_memory_does_not_grow_with_length() -> None:
    transcriber = NoteTranscriber(Hum(), Options(), stretch=800)
    noise = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    kept: list[int] = []
    for _ in range(300):
        for _ in transcriber.feed(noise):
            pass
        held = transcriber._audio.nbytes + transcriber._pending.nbytes
        buffered = transcriber._assembler._posteriors
        kept.append(held + sum(p.onset.nbytes + p.contour.nbytes for p in buffered))
    assert max(kept[100:]) <= max(kept[:100]) * 1.01
    assert max(kept) < 12e6


@pytest.mark.parametrize(
    "samples", [0, 1, HOP - 1, HOP, WINDOW - 1, WINDOW, 4 * KEPT_FRAMES * HOP + 1]
)
def test_every_length_ends(samples: int) -> None:
    transcriber = NoteTranscriber(Hum(), Options())
    notes = [*transcriber.feed(np.zeros(samples, np.float32)), *transcriber.finish()]
    for note in notes:
        assert 0 <= note.start <= note.end <= samples / RATE + 1e-9
