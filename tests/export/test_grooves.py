"""A loop's own hits replay the loop."""

from pathlib import Path

import numpy as np
import pytest

from contracts.slicing import Slice, SliceEnd, SliceKind, Slices
from contracts.tagging import SoundClass
from kit.arrays import Mono
from services.export.bundle import Sample
from services.export.grooves import hits_in, replay_kit
from tests.support.kits import RATE, hit, play, write_sample

BEAT = RATE // 2


def piece(index: int, onset: int, group: int, level: float, **fields: object) -> Slice:
    return Slice.model_validate(
        {
            "index": index,
            "kind": SliceKind.ONE_SHOT,
            "start": max(0, onset - 100),
            "end": onset + round(0.3 * RATE),
            "onset": onset,
            "end_reason": SliceEnd.DECAY,
            "strength": 1.0,
            "level_dbfs": level,
            "peak_dbfs": level + 3,
            "group": group,
            "score": 0.5,
        }
        | fields
    )


Recording = tuple[Mono, Slices, dict[str, Sample]]


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    """Return a bar of kicks and snares that starts at 1 s, its slices and its samples."""
    kick, snare = hit(60)[0], hit(900)[0]
    audio = np.zeros(4 * RATE, np.float32)
    pieces = []
    for beat, (sound, group, gain) in enumerate(
        [(kick, 0, 1.0), (snare, 1, 1.0), (kick, 0, 0.5), (snare, 1, 0.8)]
    ):
        # Played a little late, as a drummer would.
        onset = RATE + 150 + beat * BEAT + 40 * beat
        audio[onset : onset + len(sound)] += gain * sound
        name = f"hit{beat}.flac"
        level = -6 + 20 * float(np.log10(gain))
        pieces.append(piece(beat, onset, group, level, file=name if beat < 2 else None))
    loop = piece(4, RATE, 0, -6.0, kind=SliceKind.LOOP, start=RATE, end=3 * RATE, bars=1, bpm=120.0)
    slices = Slices(sample_rate=RATE, samples=len(audio), slices=(*pieces, loop))
    samples = {}
    for slice_, sound in zip(pieces[:2], (SoundClass.KICK, SoundClass.SNARE), strict=True):
        cut = audio[None, slice_.start : slice_.end]
        samples[f"hit{slice_.index}.flac"] = write_sample(
            tmp_path, f"hit{slice_.index}", cut, sound=sound, group=slice_.group
        )
    return audio[RATE : 3 * RATE], slices, samples


def test_the_kit_and_its_groove_replay_the_loop(recording: Recording) -> None:
    original, slices, samples = recording
    kit = replay_kit("loop", slices, slices.slices[-1], samples)
    assert kit is not None
    assert [pad.note for pad in kit.pads] == [36, 38]
    assert (kit.bpm, kit.bars) == (120.0, 1)
    replayed = play(kit, 2.0)
    # A velocity is a whole number, so levels differ by up to 0.2 dB.
    assert np.corrcoef(original, replayed)[0, 1] > 0.999
    assert np.abs(original - replayed).max() < 0.02


def test_the_groove_keeps_time_and_dynamics(recording: Recording) -> None:
    _, slices, samples = recording
    kit = replay_kit("loop", slices, slices.slices[-1], samples)
    assert kit is not None
    starts = [note.start for note in kit.groove]
    # Each sample starts 100 samples before its onset.
    assert starts == pytest.approx([(beat * BEAT + 40 * beat + 50) / RATE for beat in range(4)])
    # Half the level is 6 dB less: 127 · 10^(-6 / 40).
    assert [note.velocity for note in kit.groove] == [127, 127, 90, 114]


def test_no_note_starts_before_the_loop(tmp_path: Path) -> None:
    loop = piece(1, 0, 0, 0.0, kind=SliceKind.LOOP, start=1000, end=9000, bars=1, bpm=120.0)
    slices = Slices(
        sample_rate=RATE, samples=9000, slices=(piece(0, 1050, 0, 0.0, file="a.flac"), loop)
    )
    kit = replay_kit("loop", slices, loop, {"a.flac": write_sample(tmp_path, "a", hit(80))})
    assert kit is not None
    assert kit.groove[0].start == 0.0


def test_hits_outside_the_loop_do_not_count() -> None:
    loop = piece(9, 0, 0, 0.0, kind=SliceKind.LOOP, start=1000, end=2000, bars=1)
    shots = [piece(0, 999, 0, 0.0), piece(1, 1000, 0, 0.0), piece(2, 2000, 0, 0.0)]
    slices = Slices(sample_rate=RATE, samples=9000, slices=(*shots, loop))
    assert [shot.index for shot in hits_in(slices, loop)] == [1]


def test_a_loop_without_stored_hits_has_no_kit() -> None:
    loop = piece(1, 0, 0, 0.0, kind=SliceKind.LOOP, start=0, end=2000, bars=1)
    slices = Slices(sample_rate=RATE, samples=9000, slices=(piece(0, 10, 0, 0.0), loop))
    assert replay_kit("loop", slices, loop, {}) is None
