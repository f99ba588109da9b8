"""One upload through the handler: what is written, what is told, what is refused."""

from pathlib import Path

import numpy as np
import pytest

from contracts.ingest import IngestParams, RejectionReason, Remark
from contracts.items import ItemKind
from kit.audio.encode import AudioForm
from kit.audio.peaks import read_peaks
from kit.audio.probe import probe
from kit.audio.waveform import waveform_of
from services.ingest.engine import ConfinedFfmpeg
from tests.ingest.uploads import IngestHarness, convert, on_grid, write_wav
from tests.support import signals
from tests.support.single_job import RecordingReporter

RATE = 44_100


def test_facts_of_a_known_signal(harness: IngestHarness, tmp_path: Path) -> None:
    tone = signals.sine(997.0, 3.0, amplitude=0.5, channels=2)
    audio = np.concatenate((signals.silence(1.0, channels=2), tone), axis=1)
    taken = harness.take(write_wav(tmp_path / "a.wav", audio, RATE))
    result = taken.result
    assert result.audio == probe(taken.canonical)
    assert (result.audio.samples, result.audio.duration) == (4 * RATE, 4.0)
    assert result.kind is ItemKind.SAMPLE
    # Of 30 gating blocks that pass, three hold a quarter, a half, three quarters of the tone.
    blocks = 10 * np.log10((27 + 0.25 + 0.5 + 0.75) / 30)
    assert result.levels.integrated_lufs == pytest.approx(-6.02 + blocks, abs=0.02)
    assert result.levels.sample_peak_dbfs == pytest.approx(-6.02, abs=0.01)
    assert result.levels.true_peak_dbtp == pytest.approx(-6.02, abs=0.1)
    assert result.levels.dc_offset == pytest.approx((0, 0), abs=1e-4)
    assert result.levels.clipped_samples == 0
    (span,) = result.silence
    assert (span.start, round(span.end, -2)) == (0, RATE)
    assert result.remarks == ()
    assert result.gain_db == 0.0
    described = {output.name: output.audio for output in taken.job.outputs}
    assert described["canonical.flac"] == result.audio


def test_peaks_are_those_of_the_canonical_audio(harness: IngestHarness, tmp_path: Path) -> None:
    audio = on_grid(signals.noise(1.0, channels=2), 24)
    taken = harness.take(write_wav(tmp_path / "a.wav", audio, RATE))
    peaks = read_peaks(taken.peaks)
    assert (peaks.sample_rate, peaks.samples_per_pixel) == (RATE, 256)
    assert peaks.values.shape == (2, -(-RATE // 256), 2)
    np.testing.assert_array_equal(
        peaks.values[:, 3, 1], np.floor(audio[:, 768:1024].max(axis=1) * 128)
    )
    waveforms = {output.name: output.waveform for output in taken.job.outputs}
    assert waveforms == {"canonical.flac": waveform_of(audio), "peaks.dat": None}


def test_audio_beyond_full_scale_is_scaled_and_the_gain_reported(
    harness: IngestHarness, tmp_path: Path
) -> None:
    audio = signals.sine(440.0, 2.0, amplitude=1.9)
    audio[0, 5_000] = 2.0
    taken = harness.take(write_wav(tmp_path / "a.wav", audio, RATE))
    assert taken.result.remarks == (Remark.SCALED,)
    assert taken.result.gain_db == pytest.approx(-6.0206, abs=1e-3)
    assert taken.result.levels.sample_peak_dbfs == pytest.approx(0.0, abs=1e-3)
    back = taken.audio / 10 ** (taken.result.gain_db / 20)
    np.testing.assert_allclose(back, audio, atol=1e-6)
    # Its tops are round: nothing was cut off.
    assert taken.result.levels.clipped_samples == 0


def test_full_scale_itself_is_not_scaled(harness: IngestHarness, tmp_path: Path) -> None:
    audio = np.array([[-1.0, 1.0, 0.0, 0.5] * 1000], np.float32)
    taken = harness.take(write_wav(tmp_path / "a.wav", audio, RATE))
    assert taken.result.gain_db == 0.0
    np.testing.assert_allclose(taken.audio, audio, atol=2**-23)


def test_what_is_no_number_is_silence(harness: IngestHarness, tmp_path: Path) -> None:
    audio = on_grid(signals.sine(440.0, 1.0), 24)
    broken = audio.copy()
    broken[0, 1_000:1_003] = [np.nan, np.inf, 1e20]
    taken = harness.take(write_wav(tmp_path / "a.wav", broken, RATE))
    assert taken.result.remarks == (Remark.REPAIRED,)
    audio[0, 1_000:1_003] = 0
    np.testing.assert_array_equal(taken.audio, audio)


def test_five_one_becomes_stereo(
    engine: ConfinedFfmpeg, harness: IngestHarness, tmp_path: Path
) -> None:
    mono = [on_grid(signals.sine(200.0 * (n + 1), 0.5, amplitude=0.1), 24) for n in range(6)]
    wav = write_wav(tmp_path / "plain.wav", np.concatenate(mono), RATE)
    layout = ("-af", "channelmap=map=0|1|2|3|4|5:channel_layout=5.1", "-c:a", "pcm_f32le")
    taken = harness.take(convert(engine, wav, tmp_path / "a.wav", *layout))
    assert taken.result.source.channels == 6
    assert taken.result.remarks == (Remark.DOWNMIXED,)
    left = mono[0] + 0.5**0.5 * mono[2] + 0.5**0.5 * mono[4]
    right = mono[1] + 0.5**0.5 * mono[2] + 0.5**0.5 * mono[5]
    np.testing.assert_allclose(taken.audio, np.concatenate((left, right)), atol=1e-6)


@pytest.mark.parametrize(
    ("seconds", "declared", "kind"),
    [
        (1.0, None, ItemKind.SAMPLE),
        (13.0, None, ItemKind.TRACK),
        (1_201.0, None, ItemKind.RECORDING),
        (1.0, ItemKind.TRACK, ItemKind.TRACK),
    ],
)
def test_kind_is_declared_or_judged_by_length(
    seconds: float,
    declared: ItemKind | None,
    kind: ItemKind,
    harness: IngestHarness,
    tmp_path: Path,
) -> None:
    audio = signals.noise(seconds, sample_rate=8_000, amplitude=0.1)
    path = write_wav(tmp_path / "a.wav", audio, 8_000, AudioForm.WAV_16)
    assert harness.take(path, declared=declared).result.kind is kind


def test_silence_is_accepted_with_a_remark(harness: IngestHarness, tmp_path: Path) -> None:
    taken = harness.take(write_wav(tmp_path / "a.wav", signals.silence(1.0), RATE))
    assert taken.result.remarks == (Remark.SILENT,)
    assert taken.result.levels.integrated_lufs is None
    assert taken.result.levels.true_peak_dbtp is None
    assert [(span.start, span.end) for span in taken.result.silence] == [(0, RATE)]


@pytest.mark.parametrize("suffix", ["mp3", "flac", "m4a", "ogg"])
def test_tags_are_read(
    suffix: str, engine: ConfinedFfmpeg, harness: IngestHarness, tmp_path: Path
) -> None:
    wav = write_wav(tmp_path / "source.wav", signals.sine(440.0, 1.0), RATE)
    words = {"title": "Café – für Elise", "artist": "Somebody\tElse", "album": "x" * 3000}
    tags = [part for name, text in words.items() for part in ("-metadata", f"{name}={text}")]
    taken = harness.take(convert(engine, wav, tmp_path / f"a.{suffix}", *tags))
    assert taken.result.tags["title"] == "Café – für Elise"
    assert taken.result.tags["artist"] == "Somebody Else"
    assert len(taken.result.tags["album"]) <= 2000


def test_progress_goes_on(harness: IngestHarness, tmp_path: Path) -> None:
    audio = signals.sine(440.0, 60.0, amplitude=1.5)
    taken = harness.take(write_wav(tmp_path / "a.wav", audio, RATE))
    reporter = taken.job.reporter
    assert isinstance(reporter, RecordingReporter)
    assert reporter.fractions == sorted(reporter.fractions)
    assert 0.5 < reporter.fractions[-1] <= 1.0


def test_half_a_file_is_taken_with_a_remark(
    engine: ConfinedFfmpeg, harness: IngestHarness, tmp_path: Path
) -> None:
    wav = write_wav(tmp_path / "source.wav", signals.noise(10.0), RATE)
    whole = convert(engine, wav, tmp_path / "a.flac").read_bytes()
    half = tmp_path / "half.flac"
    half.write_bytes(whole[: len(whole) // 2])
    taken = harness.take(half)
    assert Remark.TRUNCATED in taken.result.remarks
    assert 4.0 < taken.result.audio.duration < 6.0


REFUSED = {
    "empty": (b"", RejectionReason.EMPTY, "0 bytes"),
    "zeros": (bytes(5000), RejectionReason.EMPTY, "only zeros"),
    "text": (b"just some words\n" * 50, RejectionReason.UNSUPPORTED, "This is text"),
    "zip": (b"PK\x03\x04" + bytes(100), RejectionReason.ARCHIVE, "Unpack it"),
    "midi": (b"MThd\x00\x00\x00\x06" + bytes(20), RejectionReason.UNSUPPORTED, "a MIDI file"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(50), RejectionReason.UNSUPPORTED, "a picture"),
    "playlist": (b"#EXTM3U\n/music/a.mp3\n", RejectionReason.PLAYLIST, "a playlist, not audio"),
    "half a header": (
        b"RIFF\x00\x00\x00\x00WAVEfm",
        RejectionReason.DAMAGED,
        "damaged or incomplete",
    ),
    "tags alone": (
        b"ID3\x03\x00\x00\x00\x00\x01\x00" + bytes(100),
        RejectionReason.EMPTY,
        "0.0 s of audio",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_without_sound_is_rejected_with_a_reason(
    name: str, harness: IngestHarness, tmp_path: Path
) -> None:
    content, reason, words = REFUSED[name]
    path = tmp_path / "upload"
    path.write_bytes(content)
    refusal = harness.refusal(path)
    assert refusal[0] is reason
    assert words in refusal[1]


def test_bounds_are_counted_on_what_comes_out(harness: IngestHarness, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", signals.noise(10.0), RATE, AudioForm.WAV_16)
    reason, message = harness.refusal(path, IngestParams(max_duration=9.0))
    assert reason is RejectionReason.TOO_LONG
    assert "0.15 minutes" in message
    assert harness.refusal(path, IngestParams(max_bytes=1 << 20))[0] is RejectionReason.TOO_LARGE
    assert harness.refusal(path, IngestParams(min_duration=11.0))[0] is RejectionReason.TOO_SHORT
    assert harness.take(path, IngestParams(max_duration=10.0, min_duration=10.0)).result.kind


def test_a_video_without_sound_is_refused(
    engine: ConfinedFfmpeg, harness: IngestHarness, tmp_path: Path
) -> None:
    wav = write_wav(tmp_path / "source.wav", signals.sine(440.0, 1.0), RATE)
    video = ("-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=1", "-map", "1:v")
    path = convert(engine, wav, tmp_path / "a.mp4", *video, "-c:v", "mpeg4")
    reason, message = harness.refusal(path)
    assert reason is RejectionReason.NO_AUDIO
    assert "no audio track" in message


def test_names_do_not_matter(
    engine: ConfinedFfmpeg, harness: IngestHarness, tmp_path: Path
) -> None:
    wav = write_wav(tmp_path / "source.wav", signals.sine(440.0, 1.0), RATE)
    flac = convert(engine, wav, tmp_path / "a.flac")
    disguised = flac.rename(tmp_path / "a.mp3")
    assert harness.take(disguised).result.source.container == "flac"


@pytest.mark.parametrize("offset", [0.002, -0.02, 0.2])
def test_a_constant_offset_hides_no_silence(
    harness: IngestHarness, tmp_path: Path, offset: float
) -> None:
    parts = [signals.silence(0.5), signals.sine(300, 0.4, amplitude=0.6)] * 4
    audio = np.concatenate(parts, axis=1)
    shifted = (audio + np.float32(offset)).astype(np.float32)
    taken = harness.take(write_wav(tmp_path / "a.wav", shifted, RATE))
    spans = [(span.start, span.end) for span in taken.result.silence]
    truth = [(round(n * 0.9 * RATE), round((n * 0.9 + 0.5) * RATE)) for n in range(4)]
    np.testing.assert_allclose(spans, truth, atol=3)
    assert taken.result.levels.dc_offset[0] == pytest.approx(offset, abs=1e-3)
