"""Every format that is taken, made from a known signal, comes back as that signal."""

from pathlib import Path

import numpy as np
import pytest

from contracts.ingest import Remark
from kit.arrays import AudioBlock
from kit.audio.encode import AudioForm
from services.ingest.engine import ConfinedFfmpeg
from tests.ingest.uploads import IngestHarness, convert, on_grid, write_wav
from tests.support import signals

RATE = 44_100
VIDEO = ("-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=2", "-c:v", "mpeg4")
LOSSLESS = {
    "wav_16": ("a.wav", 16, ("-c:a", "pcm_s16le"), "wav", "pcm_s16le"),
    "wav_24": ("a.wav", 24, ("-c:a", "pcm_s24le"), "wav", "pcm_s24le"),
    "wav_32": ("a.wav", 24, ("-c:a", "pcm_s32le"), "wav", "pcm_s32le"),
    "wav_float": ("a.wav", 24, ("-c:a", "pcm_f32le"), "wav", "pcm_f32le"),
    "wav_double": ("a.wav", 24, ("-c:a", "pcm_f64le"), "wav", "pcm_f64le"),
    "wav_8": ("a.wav", 8, ("-c:a", "pcm_u8"), "wav", "pcm_u8"),
    "rf64": ("a.wav", 16, ("-c:a", "pcm_s16le", "-rf64", "always"), "wav", "pcm_s16le"),
    "w64": ("a.w64", 24, ("-c:a", "pcm_s24le"), "w64", "pcm_s24le"),
    "flac_16": ("a.flac", 16, ("-sample_fmt", "s16"), "flac", "flac"),
    "flac_24": ("a.flac", 24, ("-sample_fmt", "s32"), "flac", "flac"),
    "ogg_flac": ("a.oga", 16, ("-c:a", "flac", "-sample_fmt", "s16"), "ogg", "flac"),
    "aiff_16": ("a.aiff", 16, ("-c:a", "pcm_s16be"), "aiff", "pcm_s16be"),
    "aiff_24": ("a.aiff", 24, ("-c:a", "pcm_s24be"), "aiff", "pcm_s24be"),
    "aifc": ("a.aiff", 16, ("-c:a", "pcm_s16le"), "aiff", "pcm_s16le"),
    "caf": ("a.caf", 24, ("-c:a", "pcm_s24be"), "caf", "pcm_s24be"),
    "alac": ("a.m4a", 24, ("-c:a", "alac", "-sample_fmt", "s32p"), "m4a", "alac"),
    "mkv": ("a.mkv", 16, ("-c:a", "flac", "-sample_fmt", "s16"), "mkv", "flac"),
    "mov_video": ("a.mov", 16, (*VIDEO, "-c:a", "pcm_s16le"), "mp4", "pcm_s16le"),
}
LOSSY = {
    "mp3": ("a.mp3", ("-c:a", "libmp3lame", "-b:a", "192k"), "mp3", 0),
    "mp3_vbr": ("a.mp3", ("-c:a", "libmp3lame", "-q:a", "2"), "mp3", 0),
    "vorbis": ("a.ogg", ("-c:a", "libvorbis", "-q:a", "6"), "ogg", 0),
    "opus": ("a.opus", ("-c:a", "libopus", "-b:a", "160k"), "opus", 0),
    "m4a": ("a.m4a", ("-c:a", "aac", "-b:a", "192k"), "m4a", 0),
    # A bare ADTS stream cannot say how much its encoder put in front.
    "adts": ("a.aac", ("-c:a", "aac", "-b:a", "192k"), "aac", 1024),
    "webm": ("a.webm", ("-c:a", "libopus", "-b:a", "160k"), "webm", 0),
    "mp4_video": ("a.mp4", (*VIDEO, "-c:a", "aac", "-b:a", "192k"), "mp4", 0),
    "caf_alaw": ("a.caf", ("-c:a", "pcm_alaw"), "caf", 0),
    "wav_mulaw": ("a.wav", ("-c:a", "pcm_mulaw"), "wav", 0),
}


@pytest.fixture(scope="module")
def song() -> AudioBlock:
    """Two seconds of stereo in which every channel and every moment is different."""
    left = signals.mix(
        signals.chords([(48, 55, 64), (53, 57, 60)], 1.0), signals.drum_loop(120.0, 1).audio
    )
    right = signals.mix(signals.voice("aeiou"), signals.noise(2.0, amplitude=0.01))
    return np.concatenate((left, right)) * np.float32(0.7)


def lag(audio: AudioBlock, reference: AudioBlock) -> int:
    """Return how many samples later a signal comes than its reference."""
    size = 1 << 18
    spectrum = np.fft.rfft(audio[0], size) * np.conj(np.fft.rfft(reference[0], size))
    at = int(np.fft.irfft(spectrum, size).argmax())
    return at if at < size // 2 else at - size


@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_formats_are_sample_exact(
    name: str, song: AudioBlock, engine: ConfinedFfmpeg, harness: IngestHarness, tmp_path: Path
) -> None:
    file, bits, arguments, container, codec = LOSSLESS[name]
    exact = on_grid(song, bits)
    wav = write_wav(tmp_path / "source.wav", exact, RATE)
    taken = harness.take(convert(engine, wav, tmp_path / file, *arguments))
    source = taken.result.source
    assert (source.container, source.codec) == (container, codec)
    assert (source.sample_rate, source.channels) == (RATE, 2)
    assert taken.result.remarks == ()
    assert taken.result.gain_db == 0.0
    np.testing.assert_array_equal(taken.audio, exact)


@pytest.mark.parametrize("name", LOSSY)
def test_lossy_formats_start_where_they_should(
    name: str, song: AudioBlock, engine: ConfinedFfmpeg, harness: IngestHarness, tmp_path: Path
) -> None:
    file, arguments, container, delay = LOSSY[name]
    wav = write_wav(tmp_path / "source.wav", song, 48_000)
    taken = harness.take(convert(engine, wav, tmp_path / file, *arguments))
    assert taken.result.source.container == container
    assert taken.result.audio.sample_rate == 48_000
    output = taken.audio
    assert abs(lag(output, song) - delay) <= 1
    length = min(output.shape[1] - delay, song.shape[1])
    assert length >= song.shape[1] - 1
    assert output.shape[1] - song.shape[1] <= delay + 2048
    for channel in range(2):
        ours, theirs = output[channel, delay : delay + length], song[channel, :length]
        assert np.corrcoef(ours, theirs)[0, 1] > 0.97


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_255, 65_537, 96_001, 192_000, 352_801, 384_000])
def test_every_rate_becomes_a_canonical_file(
    rate: int, harness: IngestHarness, tmp_path: Path
) -> None:
    tone = signals.sine(1000.0, 0.5, sample_rate=rate)
    taken = harness.take(write_wav(tmp_path / "a.wav", tone, rate))
    canonical = rate if rate <= 65_535 else round(rate / 10) * 10
    assert taken.result.source.sample_rate == rate
    assert taken.result.audio.sample_rate == canonical
    assert (Remark.RESAMPLED in taken.result.remarks) == (canonical != rate)
    expected = signals.sine(1000.0, 0.5, sample_rate=canonical)
    output = taken.audio
    assert abs(output.shape[1] - expected.shape[1]) <= 1
    middle = slice(canonical // 20, canonical * 9 // 20)
    np.testing.assert_allclose(output[0, middle], expected[0, middle], atol=1e-5)


def test_big_endian_wav_is_not_taken_for_noise(harness: IngestHarness, tmp_path: Path) -> None:
    audio = on_grid(signals.sine(440.0, 0.5), 16)
    samples = (audio[0] * 32768).astype(">i2").tobytes()
    body = b"WAVEfmt " + (16).to_bytes(4, "big")
    for value, size in ((1, 2), (1, 2), (RATE, 4), (RATE * 2, 4), (2, 2), (16, 2)):
        body += value.to_bytes(size, "big")
    body += b"data" + len(samples).to_bytes(4, "big") + samples
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFX" + len(body).to_bytes(4, "big") + body)
    np.testing.assert_array_equal(harness.take(path).audio, audio)


def test_the_first_of_many_sound_tracks_is_taken(
    engine: ConfinedFfmpeg, harness: IngestHarness, tmp_path: Path
) -> None:
    first = write_wav(tmp_path / "1.wav", on_grid(signals.sine(300.0, 1.0), 16), RATE)
    second = write_wav(tmp_path / "2.wav", signals.noise(1.0, channels=2), RATE)
    both = ("-i", str(second), "-map", "0:a", "-map", "1:a", "-c:a", "pcm_s16le")
    taken = harness.take(convert(engine, first, tmp_path / "a.mkv", *both))
    assert taken.result.remarks == (Remark.FIRST_OF_MANY,)
    np.testing.assert_array_equal(taken.audio, on_grid(signals.sine(300.0, 1.0), 16))


def test_a_picture_in_the_tags_is_left_alone(
    engine: ConfinedFfmpeg, harness: IngestHarness, tmp_path: Path
) -> None:
    wav = write_wav(tmp_path / "source.wav", signals.sine(440.0, 1.0), RATE, AudioForm.WAV_16)
    picture = tmp_path / "cover.png"
    convert(engine, wav, tmp_path / "a.flac")
    arguments = ("-f", "lavfi", "-i", "testsrc=size=64x64", "-map", "1:v", "-frames:v", "1")
    convert(engine, wav, picture, *arguments)
    tagged = ("-i", str(picture), "-map", "0:a", "-map", "1:v", "-c:v", "copy", "-id3v2_version")
    path = convert(
        engine, wav, tmp_path / "a.mp3", *tagged, "3", "-metadata", "title=Zwölf\nStücke"
    )
    taken = harness.take(path)
    assert taken.result.remarks == ()
    assert taken.result.tags["title"] == "Zwölf Stücke"
