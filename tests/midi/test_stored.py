"""Posteriors as a file, and notes from it with other thresholds."""

import io
import struct

import numpy as np
import pytest

from contracts.midi import Tracker
from kit.notes.assembly import NoteAssembler, NoteEvent
from kit.notes.detection import LOWEST, Options, Posteriors
from kit.notes.monophonic import PitchCurve
from kit.notes.notation import median_level, to_note
from kit.notes.partials import FRAME
from kit.notes.stored import DamagedPosteriors, PosteriorsWriter, StoredOptions, StoredPosteriors

SPECTRUM_BINS = 1025
MACHINE = {"onset_threshold": 0.55, "frame_threshold": 0.3, "minimum_note_ms": 58.0}


def music(seconds: float, *, seed: int = 3) -> tuple[Posteriors, np.ndarray]:
    """Return posteriors and a spectrum of notes, a third of them doubtful and some short."""
    random = np.random.default_rng(seed)
    frames = round(seconds / FRAME)
    onset = random.uniform(0.08, 0.12, (frames, 88)).astype(np.float32)
    note = random.uniform(0.09, 0.11, (frames, 88)).astype(np.float32)
    contour = random.uniform(0.09, 0.11, (frames, 264)).astype(np.float32)
    spectrum = np.full((frames, SPECTRUM_BINS), 1e-6, np.float32)
    for number, start in enumerate(range(20, frames - 40, 30)):
        pitch = int(random.integers(48, 72))
        length = 4 if number % 5 == 4 else 24
        sure = 0.35 if number % 3 == 2 else 0.85
        column = pitch - LOWEST
        onset[start, column] = sure
        note[start : start + length, column] = sure
        contour[start : start + length, column * 3 + 1] = sure
        for partial in range(1, 5):
            bin_ = round(440 * 2 ** ((pitch - 69) / 12) * partial * 2048 / 22050)
            spectrum[start : start + length, bin_ - 1 : bin_ + 2] = 10.0
    return Posteriors(onset, note, contour), spectrum


def written(seconds: float, **changes: float) -> tuple[bytes, list[NoteEvent]]:
    """Return a file, and the notes that are found without one."""
    posteriors, spectrum = music(seconds)
    buffer = io.BytesIO()
    writer = PosteriorsWriter(buffer)
    assembler = NoteAssembler(
        Options(),
        lambda first, frames: spectrum[first : first + frames],
        on_frames=writer.add,
    )
    notes: list[NoteEvent] = []
    for first in range(0, len(posteriors), 568):
        notes += assembler.add(posteriors.cut(first, min(first + 568, len(posteriors))))
    notes += assembler.finish(seconds)
    options = StoredOptions.model_validate(
        {
            **MACHINE,
            "lowest": 21,
            "highest": 108,
            "legato": True,
            "pitch_bends": True,
            "tuning": 0.0,
            "factor": 1.0,
            "duration": seconds,
            "median_level": median_level(notes),
            **changes,
        }
    )
    writer.finish(options)
    return buffer.getvalue(), notes


def line_file(seconds: float, *, doubtful: int | None = None) -> bytes:
    """Return a file of the monophonic tracker: a scale of a note a second, each 0.6 s long.

    The curve is not sure of the note `doubtful`.
    """
    frames = round(seconds / FRAME)
    at = np.arange(frames) * FRAME
    degree = np.minimum(at.astype(np.int64), 8)
    pitch = np.array([60, 62, 64, 65, 67, 69, 71, 72, 74])[degree]
    sounds = (at % 1 > 0.2) & (at % 1 < 0.8) & (at < 9)
    note = np.full((frames, 88), 0.1, np.float32)
    note[np.flatnonzero(sounds), pitch[sounds] - LOWEST] = 0.8
    posteriors = Posteriors(
        np.full((frames, 88), 0.1, np.float32), note, np.full((frames, 264), 0.1, np.float32)
    )
    curve = PitchCurve(
        (pitch + 0.2).astype(np.float32),
        np.where(sounds, np.where(degree == doubtful, 0.3, 0.95), 0.02).astype(np.float32),
        np.where(sounds, -20.0, -70.0).astype(np.float32),
    )
    buffer = io.BytesIO()
    writer = PosteriorsWriter(buffer)
    for first in range(0, frames, 700):
        part = posteriors.cut(first, min(first + 700, frames))
        writer.add(part, np.full((len(part), SPECTRUM_BINS), 1e-6, np.float32))
    options = StoredOptions(
        **MACHINE, lowest=21, highest=108, legato=True, pitch_bends=True, tuning=0.0, factor=1.0,
        duration=seconds, median_level=-20.0, line_tuning=0.2,
    )  # fmt: skip
    writer.finish(options, curve)
    # The second header replaces the first.
    writer.finish(options.model_copy(update={"tracker": Tracker.MONOPHONIC}), curve)
    return buffer.getvalue()


def spans(notes: list[NoteEvent]) -> list[tuple[float, float, int]]:
    ordered = sorted(notes, key=lambda note: (note.start, note.pitch))
    return [(round(n.start, 3), round(n.end, 3), n.pitch) for n in ordered]


def test_the_machines_thresholds_give_the_machines_notes() -> None:
    data, notes = written(70.0)
    stored = StoredPosteriors(data)
    again = stored.decode(**MACHINE)
    assert len(notes) > 100
    assert spans(again) == spans(notes)
    for ours, theirs in zip(
        again, sorted(notes, key=lambda note: (note.start, note.pitch)), strict=True
    ):
        assert ours.confidence == pytest.approx(theirs.confidence, abs=0.01)
        assert ours.level == pytest.approx(theirs.level, abs=1.0)


def test_lower_thresholds_find_more_notes_and_shorter_ones() -> None:
    stored = StoredPosteriors(written(40.0)[0])
    machine = spans(stored.decode(**MACHINE))
    softer = spans(stored.decode(**{**MACHINE, "onset_threshold": 0.3}))
    shorter = spans(stored.decode(**{**MACHINE, "minimum_note_ms": 20}))
    longer = spans(stored.decode(**{**MACHINE, "minimum_note_ms": 600}))
    assert set(machine) < set(softer)
    assert set(machine) < set(shorter)
    assert not longer


@pytest.mark.parametrize(("start", "end"), [(0.0, 16.0), (20.0, 36.0), (55.0, 70.0)])
def test_a_range_holds_the_notes_that_begin_in_it(start: float, end: float) -> None:
    stored = StoredPosteriors(written(70.0)[0])
    whole = spans(stored.decode(**MACHINE))
    part = spans(stored.decode(**MACHINE, start=start, end=end))
    assert part == [note for note in whole if start <= note[0] < end]


def test_a_retuned_recording_keeps_its_own_times_and_pitches() -> None:
    plain = StoredPosteriors(written(20.0)[0])
    sharp = StoredPosteriors(written(20.0, tuning=0.4, factor=0.977)[0])
    assert sharp.seconds == pytest.approx(20.0 * 0.977)
    note, moved = plain.decode(**MACHINE)[3], sharp.decode(**MACHINE)[3]
    assert moved.start == pytest.approx(note.start * 0.977)
    assert float(moved.bends.mean() - note.bends.mean()) == pytest.approx(0.4, abs=0.01)
    assert max(to_note(moved, median=0.0).bends) > 0.3


def test_silence_takes_no_room_and_music_little() -> None:
    frames = 5000
    buffer = io.BytesIO()
    quiet = Posteriors(*(np.full((frames, n), 0.1, np.float32) for n in (88, 88, 264)))
    PosteriorsWriter(buffer).add(quiet, np.full((frames, SPECTRUM_BINS), 1e-3, np.float32))
    assert len(buffer.getvalue()) < 20_000
    assert len(written(60.0)[0]) < 1_500_000


def test_a_damaged_file_is_refused() -> None:
    data, _ = written(5.0)
    chunk = struct.unpack("<II", data[:8])[1]
    broken = [
        b"",
        data[:-1],
        data[:40] + data[60:],
        data[:8] + bytes(chunk) + data[8 + chunk :],
        struct.pack("<II", 1 << 30, chunk) + data[8:],
        data[-8:],
    ]
    for damaged in broken:
        with pytest.raises(DamagedPosteriors):
            StoredPosteriors(damaged).decode(**MACHINE)


def test_notes_of_the_monophonic_tracker_are_read_from_its_curve() -> None:
    stored = StoredPosteriors(line_file(80.0))
    notes = stored.decode(**MACHINE)
    assert [note.pitch for note in notes] == [60, 62, 64, 65, 67, 69, 71, 72, 74]
    assert [note.start for note in notes] == pytest.approx(np.arange(9) + 0.2, abs=0.03)
    assert [note.end for note in notes] == pytest.approx(np.arange(9) + 0.8, abs=0.03)
    assert float(notes[3].bends.mean()) == pytest.approx(0.2, abs=0.02)
    assert to_note(notes[3], median=-20.0).velocity == 80
    assert stored.decode(**{**MACHINE, "minimum_note_ms": 700}) == []


def test_a_higher_onset_threshold_drops_doubtful_notes_of_the_monophonic_tracker() -> None:
    stored = StoredPosteriors(line_file(10.0, doubtful=3))
    assert [note.pitch for note in stored.decode(**MACHINE)] == [60, 62, 64, 65, 67, 69, 71, 72, 74]
    sure = stored.decode(**{**MACHINE, "onset_threshold": 0.9})
    assert [note.pitch for note in sure] == [60, 62, 64, 67, 69, 71, 72, 74]


def test_a_damaged_pitch_curve_is_refused() -> None:
    data = line_file(5.0)
    size = StoredPosteriors(data).options.curve_bytes
    head = data.index(b'{"version"')
    broken = data[: head - size] + bytes(size) + data[head:]
    with pytest.raises(DamagedPosteriors, match="pitch curve"):
        StoredPosteriors(broken).decode(**MACHINE)
    missing = data[: head - size] + data[head:]
    with pytest.raises(DamagedPosteriors):
        StoredPosteriors(missing).decode(**MACHINE)
