"""Sounds that are processed on request: tempo, key, silence at the ends, level."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from contracts.export import ExportParams, ProcessingOptions
from kit.arrays import F32
from kit.worker.job import Job
from kit.worker.outcomes import Rejected
from services.export.processing import MAX_SECONDS, fit_of, transposition
from tests.export.jobs import RATE, Bundle, collection_files, export, tone

CLICK = np.exp(-np.arange(400) / 60) * np.sin(np.arange(400) * 0.2)


def clicks(seconds: float, bpm: float) -> F32:
    """Return a mono click on each beat."""
    wave = np.zeros(round(seconds * RATE), np.float32)
    for start in np.arange(0, seconds, 60 / bpm):
        first = round(start * RATE)
        wave[first : first + 400] += CLICK[: len(wave) - first]
    return wave[None]


def sounds(folder: Path, wave: F32, *, bpm: float | None = None, key: str | None = None) -> Job:
    """Return a job over a collection with one item."""
    job = collection_files(folder, {"Sound": (wave, RATE)}, bpm=bpm)
    assert job.export is not None
    items = tuple(item.model_copy(update={"key": key}) for item in job.export.items)
    return replace(job, export=job.export.model_copy(update={"items": items}))


def only_audio(bundle: Bundle) -> F32:
    """Return the only WAV file of a bundle."""
    (name,) = [name for name in bundle.files if name.endswith(".wav")]
    return bundle.audio(name)[0]


def test_a_loop_is_fitted_to_a_tempo_at_its_pitch(tmp_path: Path) -> None:
    bundle = export(sounds(tmp_path, clicks(4.0, 120), bpm=120), "loops", processing={"bpm": 132.0})
    assert "132_Sound.wav" in bundle.files
    audio = only_audio(bundle)
    assert audio.shape == (1, round(4.0 * RATE * 120 / 132))
    energy = np.convolve(audio[0] ** 2, np.ones(64), "same")
    for start in np.arange(0, 3.5, 60 / 132):
        first = max(0, round(start * RATE) - 2000)
        late = first + int(np.argmax(energy[first : first + 4000])) - start * RATE
        assert abs(late / RATE) < 0.003
    assert bundle.result.remarks == ("132_Sound: fitted from 120.0 to 132 BPM.",)


def test_a_sound_is_transposed_within_five_cents_at_its_length(tmp_path: Path) -> None:
    job = sounds(tmp_path, tone(2.0, 440.0), key="A:min")
    bundle = export(job, "samples", processing={"key": "C:min"})
    assert next(iter(bundle.files)) == "other/Sound_Cm.wav"
    audio = only_audio(bundle)
    assert audio.shape == (2, 2 * RATE)
    middle = audio[0][RATE // 2 : -RATE // 2] * np.hanning(RATE)
    frequency = np.argmax(np.abs(np.fft.rfft(middle, 1 << 20))) * RATE / (1 << 20)
    assert abs(1200 * np.log2(frequency / (440 * 2 ** (3 / 12)))) < 5


@pytest.mark.parametrize("form", ["wav", "flac", "mp3"])
def test_ends_are_trimmed_and_the_peak_is_set(tmp_path: Path, form: str) -> None:
    wave = np.concatenate([np.zeros((2, RATE)), tone(0.5, 200.0), np.zeros((2, RATE))], axis=1)
    bundle = export(
        sounds(tmp_path, wave.astype(np.float32)),
        "samples",
        processing={"trim": True, "peak_dbfs": -1.0},
        samples={"format": form},
    )
    audio, _ = bundle.audio(f"other/Sound.{form}")
    # MP3 has a delay and ends with a whole frame.
    assert audio.shape[1] == pytest.approx(0.5 * RATE, abs=3000 if form == "mp3" else 40)
    assert 20 * np.log10(np.abs(audio).max()) == pytest.approx(-1, abs=0.2)
    assert "2000 ms of silence cut off" in bundle.result.remarks[0]


def test_the_same_options_give_the_same_bytes(tmp_path: Path) -> None:
    processing = {"bpm": 100.0, "key": "D:maj", "trim": True}
    first, second = (
        export(
            sounds(tmp_path / name, tone(1.0, 220.0), bpm=120, key="C:maj"),
            "samples",
            processing=processing,
        ).data
        for name in ("first", "second")
    )
    assert first == second


@pytest.mark.parametrize(
    ("key", "target", "expected"),
    [
        ("C:maj", "D:maj", (2, "D:maj")),
        ("C:maj", "A:maj", (-3, "A:maj")),
        ("B:min", "C:min", (1, "C:min")),
        ("G:maj", "A:min", (5, "C:maj")),
        ("E:min", "C:maj", (5, "A:min")),
        ("F#:min", "Gb:min", (0, "Gb:min")),
        ("C:maj", "F#:maj", (6, "F#:maj")),
    ],
)
def test_keys_of_another_mode_fit_as_relative_keys(
    key: str, target: str, expected: tuple[int, str]
) -> None:
    assert transposition(key, target) == expected


def test_unknown_and_distant_tempos_are_left_as_they_are() -> None:
    options = ProcessingOptions(bpm=180.0, key="C:maj")
    assert fit_of(None, None, options) == fit_of(None, None, ProcessingOptions())
    assert fit_of(80.0, None, options).bpm == 80.0


def test_one_shots_keep_their_speed_and_drums_their_pitch() -> None:
    options = ProcessingOptions(bpm=132.0, key="D:maj")
    fits = {
        sound: fit_of(120.0, "C:maj", options, sound=sound)
        for sound in ("kick", "bass", "loop", "unknown", "vocals")
    }
    assert {sound: round(fit.factor, 3) for sound, fit in fits.items()} == {
        **{"kick": 1.0, "bass": 1.0},
        **{"loop": 1.1, "unknown": 1.1, "vocals": 1.1},
    }
    assert {sound: fit.semitones for sound, fit in fits.items()} == {
        **{"kick": 0, "bass": 2},
        **{"loop": 2, "unknown": 2, "vocals": 2},
    }


def test_a_sound_that_is_too_long_is_refused(tmp_path: Path) -> None:
    job = sounds(tmp_path, np.zeros((1, (MAX_SECONDS + 1) * RATE), np.float32))
    with pytest.raises(Rejected, match="at most 300 s can be processed"):
        export(job, "samples", processing={"trim": True})


@pytest.mark.parametrize(
    "params",
    [
        {"preset": "stems", "processing": {"bpm": 100}},
        {"preset": "loops", "processing": {"trim": True}},
        {"preset": "samples", "processing": {"bpm": 1000}},
        {"preset": "samples", "processing": {"key": "H:maj"}},
    ],
)
def test_processing_that_a_preset_cannot_do_is_refused(params: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ExportParams.model_validate(params)
