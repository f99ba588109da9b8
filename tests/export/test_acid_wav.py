"""WAV files with tempo, root note, loop and cue points, as libsndfile reads them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from wavinfo import WavInfoReader

from tests.support import signals
from tests.support.kits import hit, write_sample, write_wav
from tests.support.sndfile_chunks import FORWARD, read_chunks


def test_a_loop_has_its_tempo_key_and_hits(tmp_path: Path) -> None:
    loop = write_sample(
        tmp_path,
        "loop",
        signals.noise(4.0, channels=2),
        bpm=120.0,
        bars=2,
        key="F#:min",
        cues=(0, 22_050, 88_199),
    )
    write_wav(tmp_path / "loop.wav", loop)
    chunks = read_chunks(tmp_path / "loop.wav")
    assert (chunks.beats, chunks.bpm, chunks.meter) == (8, 120.0, (4, 4))
    assert chunks.root == 66
    assert chunks.cues == ((0, "1"), (22_050, "2"), (88_199, "3"))
    assert chunks.loops == ()


def test_a_waltz_has_three_beats_in_a_bar(tmp_path: Path) -> None:
    loop = write_sample(tmp_path, "loop", hit(200), bpm=90.0, bars=1, beats_per_bar=3)
    write_wav(tmp_path / "loop.wav", loop)
    chunks = read_chunks(tmp_path / "loop.wav")
    assert (chunks.beats, chunks.meter) == (3, (3, 4))


def test_a_note_has_its_root_its_tuning_and_its_loop(tmp_path: Path) -> None:
    sharp = 440.0 * 2 ** (25 / 1200)
    note = write_sample(tmp_path, "note", hit(sharp), pitch=sharp, loop=(1000, 9000))
    write_wav(tmp_path / "note.wav", note)
    chunks = read_chunks(tmp_path / "note.wav")
    assert chunks.base_note == 69
    assert chunks.detune == pytest.approx(25, abs=1)
    assert chunks.loops == ((FORWARD, 1000, 9000),)
    assert chunks.beats == 0
    assert chunks.root == 69


def test_a_flat_note_counts_up_from_the_note_below(tmp_path: Path) -> None:
    flat = 440.0 * 2 ** (-25 / 1200)
    note = write_sample(tmp_path, "note", hit(flat), pitch=flat)
    write_wav(tmp_path / "note.wav", note)
    content = (tmp_path / "note.wav").read_bytes()
    at = content.index(b"smpl") + 8
    unity, fraction = np.frombuffer(content[at + 12 : at + 20], "<u4")
    assert unity == 68
    assert fraction / 2**32 == pytest.approx(0.75, abs=1e-6)


def test_audio_is_copied_bit_by_bit(tmp_path: Path) -> None:
    sample = write_sample(tmp_path, "noise", signals.noise(0.5, channels=2), cues=(5,))
    write_wav(tmp_path / "noise.wav", sample)
    before, _ = soundfile.read(sample.path, dtype="int32")
    after, rate = soundfile.read(tmp_path / "noise.wav", dtype="int32")
    assert rate == 44_100
    assert np.array_equal(before, after)


def test_the_same_sample_gives_the_same_bytes(tmp_path: Path) -> None:
    sample = write_sample(tmp_path, "a", hit(300), pitch=300.0, cues=(0, 99))
    write_wav(tmp_path / "1.wav", sample)
    write_wav(tmp_path / "2.wav", sample)
    assert (tmp_path / "1.wav").read_bytes() == (tmp_path / "2.wav").read_bytes()


def test_cues_beyond_the_end_are_left_out(tmp_path: Path) -> None:
    sample = write_sample(tmp_path, "a", hit(300, 0.1), cues=(0, 5000))
    write_wav(tmp_path / "a.wav", sample)
    assert read_chunks(tmp_path / "a.wav").cues == ((0, "1"),)


def test_chunks_start_at_even_offsets(tmp_path: Path) -> None:
    sample = write_sample(tmp_path, "a", signals.noise(0.0001137), cues=(0,))
    assert sample.audio.samples % 2
    write_wav(tmp_path / "a.wav", sample)
    assert read_chunks(tmp_path / "a.wav").cues == ((0, "1"),)
    assert len(soundfile.read(tmp_path / "a.wav")[0]) == sample.audio.samples


def test_wavinfo_reads_the_same(tmp_path: Path) -> None:
    sharp = 440.0 * 2 ** (25 / 1200)
    note = write_sample(tmp_path, "note", hit(sharp), pitch=sharp, loop=(1000, 9000), cues=(0, 77))
    write_wav(tmp_path / "note.wav", note)
    info = WavInfoReader(str(tmp_path / "note.wav"))
    (loop,) = info.smpl.sample_loops
    assert (info.smpl.midi_note, loop.start, loop.end, loop.loop_type) == (69, 1000, 8999, 0)
    assert list(info.cues.each_cue()) == [(1, 0), (2, 77)]
    assert info.cues.label_and_note(2)[0] == "2"
