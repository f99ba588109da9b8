"""AIFF files with markers, root note and loop, as libsndfile reads them."""

from pathlib import Path

import numpy as np
import soundfile

from tests.support import signals
from tests.support.kits import hit, write_aiff, write_sample
from tests.support.sndfile_chunks import FORWARD, read_chunks


def test_a_note_has_its_root_its_tuning_and_its_loop(tmp_path: Path) -> None:
    sharp = 440.0 * 2 ** (25 / 1200)
    note = write_sample(tmp_path, "note", hit(sharp), pitch=sharp, loop=(1000, 9000))
    write_aiff(tmp_path / "note.aiff", note)
    chunks = read_chunks(tmp_path / "note.aiff")
    assert chunks.base_note == 69
    assert chunks.detune == -25
    assert chunks.loops[0] == (FORWARD, 1000, 9000)


def test_cue_points_are_markers(tmp_path: Path) -> None:
    loop = write_sample(tmp_path, "loop", signals.noise(1.0), bars=1, cues=(0, 11_025))
    write_aiff(tmp_path / "loop.aiff", loop)
    assert read_chunks(tmp_path / "loop.aiff").cues == ((0, "1"), (11_025, "2"))


def test_audio_is_copied_bit_by_bit_and_reproducibly(tmp_path: Path) -> None:
    sample = write_sample(tmp_path, "noise", signals.noise(0.5, channels=2), cues=(5,))
    for name in ("1.aiff", "2.aiff"):
        write_aiff(tmp_path / name, sample)
    before, _ = soundfile.read(sample.path, dtype="int32")
    after, rate = soundfile.read(tmp_path / "1.aiff", dtype="int32")
    assert rate == 44_100
    assert np.array_equal(before, after)
    assert (tmp_path / "1.aiff").read_bytes() == (tmp_path / "2.aiff").read_bytes()
