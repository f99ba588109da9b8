"""Whole jobs: with the real network on the synthetic voice, and how a job ends without words."""

import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from contracts.items import ArtifactKind
from contracts.music import Stem
from contracts.transcribe import TranscribeParams, TranscribeResult
from kit.arrays import Mono
from kit.audio import decode
from kit.audio.probe import probe
from kit.worker.job import Job
from kit.worker.outcomes import Rejected, Skipped
from services.transcribe.engine import Engine
from services.transcribe.handler import handle
from services.transcribe.lines import RATE, WindowTranscript
from tests.support.single_job import audio_input, single_job, write_audio
from tests.transcribe.fake_speech import FakeNetwork, bursts, line

SONG = Path(__file__).parents[2] / "examples" / "song"
TRUTH = json.loads((SONG / "truth.json").read_text(encoding="utf-8"))["lyrics"]


def job_of(
    folder: Path, audio: np.ndarray, *, stem: Stem | None = Stem.VOCALS, rate: int = RATE
) -> Job:
    scratch = folder / "scratch"
    scratch.mkdir()
    path = write_audio(folder / "voice.flac", audio, rate)
    return single_job(scratch, [audio_input(path, stem=stem)])


def read(job: Job, name: str) -> str:
    return next(o.path for o in job.outputs if o.name == name).read_text(encoding="utf-8")


def test_the_synthetic_voice(tmp_path: Path, engine: Engine) -> None:
    job = single_job(tmp_path, [audio_input(SONG / "voice.flac", stem=Stem.VOCALS)])
    result = handle(TranscribeParams(), job, engine)
    lines = [line.lower().rstrip(".,!") for line in result.text.splitlines()]
    assert lines == [line["text"].lower() for line in TRUTH]
    lines = json.loads(read(job, "lyrics.json"))["lines"]
    late = [line["start"] - true["start"] for line, true in zip(lines, TRUTH, strict=True)]
    assert float(np.median(np.abs(late))) < 0.06
    assert max(np.abs(late)) < 0.15
    assert result.language == "en"
    assert not result.language_given
    assert result.weights == "whisper-base"
    assert result.words == sum(len(line["text"].split()) for line in TRUTH)
    assert TranscribeResult.model_validate_json(result.model_dump_json()) == result
    assert [(o.name, o.kind, o.stem) for o in job.outputs] == [
        (name, ArtifactKind.LYRICS, Stem.VOCALS)
        for name in (
            "lyrics.json",
            "lyrics.lrc",
            "lyrics-words.lrc",
            "lyrics.srt",
            "lyrics.vtt",
            "lyrics.txt",
        )
    ]
    assert len(read(job, "lyrics.txt").splitlines()) == len(TRUTH)


def test_starts_of_the_network_are_early_and_are_corrected(tmp_path: Path, engine: Engine) -> None:
    job = single_job(tmp_path, [audio_input(SONG / "voice.flac", stem=Stem.VOCALS)])
    handle(TranscribeParams(correct_starts=False, language="en"), job, engine)
    lines = json.loads(read(job, "lyrics.json"))["lines"]
    late = [line["start"] - true["start"] for line, true in zip(lines, TRUTH, strict=True)]
    assert float(np.median(late)) < -0.1


def test_quiet_speech_has_the_words_of_loud_speech(tmp_path: Path, engine: Engine) -> None:
    audio = decode.read(SONG / "voice.flac")
    texts = []
    for name, peak_dbfs in (("loud", -3.0), ("quiet", -50.0)):
        folder = tmp_path / name
        folder.mkdir()
        scaled = audio * np.float32(10 ** (peak_dbfs / 20) / np.abs(audio).max())
        job = job_of(folder, scaled, rate=probe(SONG / "voice.flac").sample_rate)
        texts.append(handle(TranscribeParams(language="en"), job, engine).text)
    assert texts[0] == texts[1]


def test_a_refrain_that_is_sung_six_times_is_kept(tmp_path: Path, engine: Engine) -> None:
    rate = probe(SONG / "voice.flac").sample_rate
    voice = decode.read(SONG / "voice.flac")
    first = voice[:, : round(TRUTH[1]["start"] * rate)]
    job = job_of(tmp_path, np.tile(first, (1, 6)), rate=rate)
    result = handle(TranscribeParams(language="en"), job, engine)
    assert result.text.lower().count("crate") == 6
    assert result.removed_count == 0


def test_the_song_that_a_stem_is_from_says_how_quiet_the_stem_is(tmp_path: Path) -> None:
    faint = bursts((0, 3), seconds=12, level=2e-4)[np.newaxis]
    band = bursts((0, 12), seconds=12, level=0.3)[np.newaxis]
    stem = audio_input(write_audio(tmp_path / "vocals.flac", faint, RATE), stem=Stem.VOCALS)
    song = audio_input(write_audio(tmp_path / "song.flac", band, RATE))
    (tmp_path / "alone").mkdir()
    (tmp_path / "both").mkdir()
    result = handle(TranscribeParams(), single_job(tmp_path / "alone", [stem]), FakeNetwork())
    assert result.words == 3
    with pytest.raises(Skipped) as ended:
        handle(TranscribeParams(), single_job(tmp_path / "both", [song, stem]), FakeNetwork())
    assert ended.value.reason == "not_heard"


class LevelNetwork(FakeNetwork):
    """Returns other words, and with more confidence, if the audio is loud."""

    def run(
        self, audio: Mono, *, language: str, beam: int, temperature: float = 0.0
    ) -> WindowTranscript:
        super().run(audio, language=language, beam=beam)
        loud = float(np.abs(audio).max()) > 0.5
        text, confidence = ("the words", 0.9) if loud else ("a verse", 0.6)
        return WindowTranscript([line(text, confidence=confidence)], len(audio) / RATE)


@pytest.mark.parametrize(("use_song", "text"), [(True, "the words"), (False, "a verse")])
def test_a_stem_and_its_song_are_both_transcribed(
    tmp_path: Path, use_song: bool, text: str
) -> None:
    voice = bursts((0, 3), seconds=3, level=0.1)[np.newaxis]
    stem = audio_input(write_audio(tmp_path / "vocals.flac", voice, RATE), stem=Stem.VOCALS)
    band = np.float32(0.4) * np.sin(np.arange(3 * RATE, dtype=np.float32) * np.float32(0.2))
    song = audio_input(write_audio(tmp_path / "song.flac", voice + band, RATE))
    (tmp_path / "scratch").mkdir()
    network = LevelNetwork()
    job = single_job(tmp_path / "scratch", [song, stem])
    result = handle(TranscribeParams(use_song=use_song), job, network)
    assert result.text == text
    assert result.words_from_song == (2 if use_song else 0)
    # The song is in the language of the stem, which is detected once.
    assert network.languages_run == 1
    assert len(network.spoken) == (2 if use_song else 1)


def test_two_recordings_are_refused(tmp_path: Path) -> None:
    song = audio_input(
        write_audio(tmp_path / "song.flac", bursts((0, 2), seconds=2)[np.newaxis], RATE)
    )
    (tmp_path / "scratch").mkdir()
    with pytest.raises(Rejected, match="one stem of a song and the song itself"):
        handle(TranscribeParams(), single_job(tmp_path / "scratch", [song, song]), FakeNetwork())


def test_noise_is_not_words(tmp_path: Path, engine: Engine) -> None:
    audio = bursts((0, 12), seconds=12, level=0.1)[np.newaxis]
    with pytest.raises(Skipped) as ended:
        handle(TranscribeParams(language="en"), job_of(tmp_path, audio), engine)
    assert ended.value.reason == "no_words"


def test_what_was_removed_is_kept_and_shown(tmp_path: Path) -> None:
    audio = bursts((0, 3), seconds=12)[np.newaxis]
    job = job_of(tmp_path, audio)
    result = handle(TranscribeParams(), job, FakeNetwork())
    assert result.words == 3
    assert {entry.reason.value for entry in result.removed} == {"silent"}
    assert result.removed_count == 9
    content = json.loads(read(job, "lyrics.json"))
    assert [entry["text"] for entry in content["removed"]] == [f"word{n}" for n in range(3, 12)]


def test_doubtful_text_is_kept_on_request(tmp_path: Path) -> None:
    audio = bursts((0, 3), seconds=12)[np.newaxis]
    result = handle(TranscribeParams(keep_doubtful=True), job_of(tmp_path, audio), FakeNetwork())
    assert result.words == 12
    assert result.removed_count == 9


@pytest.mark.parametrize(
    ("audio", "stem", "reason"),
    [
        (np.zeros((2, 3 * RATE), np.float32), Stem.VOCALS, "silent"),
        (bursts((0, 0.2), seconds=0.2)[np.newaxis], Stem.VOCALS, "too_short"),
        (bursts((0, 2), seconds=2)[np.newaxis], Stem.DRUMS, "no_voice"),
    ],
)
def test_no_words_to_be_had(tmp_path: Path, audio: np.ndarray, stem: Stem, reason: str) -> None:
    with pytest.raises(Skipped) as ended:
        handle(TranscribeParams(), job_of(tmp_path, audio, stem=stem), FakeNetwork())
    assert ended.value.reason == reason


def test_a_voice_in_opposite_channels_is_transcribed(tmp_path: Path) -> None:
    voice = bursts((0, 2), seconds=2)
    result = handle(TranscribeParams(), job_of(tmp_path, np.stack([voice, -voice])), FakeNetwork())
    assert result.words == 2


def test_a_language_that_is_not_known(tmp_path: Path) -> None:
    audio = bursts((0, 2), seconds=2)[np.newaxis]
    with pytest.raises(Rejected, match=r"does not know the language 'xx'.*de, en"):
        handle(TranscribeParams(language="xx"), job_of(tmp_path, audio), FakeNetwork())


def test_weights_that_are_not_here(tmp_path: Path, engine: Engine) -> None:
    audio = bursts((0, 2), seconds=2)[np.newaxis]
    with pytest.raises(Rejected, match=r"whisper-vast.*python -m kit.weights fetch --all transcri"):
        handle(TranscribeParams(weights="whisper-vast"), job_of(tmp_path, audio), engine)


def test_a_damaged_file(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    path = tmp_path / "voice.flac"
    path.write_bytes(b"fLaC" + bytes(100))
    job = single_job(tmp_path / "scratch", [audio_input(path)])
    with pytest.raises(Rejected) as ended:
        handle(TranscribeParams(), job, FakeNetwork())
    assert ended.value.reason == "unreadable"


@pytest.mark.parametrize(
    "wrong", [{"language": "English"}, {"beam": 0}, {"weights": "../x"}, {"speed": 2}]
)
def test_parameters_that_make_no_sense(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TranscribeParams.model_validate(wrong)


@pytest.mark.data
def test_recorded_speech(tmp_path: Path, engine: Engine, recordings: Path) -> None:
    speech = recordings / "speech"
    job = single_job(tmp_path, [audio_input(speech / "jfk.flac")])
    result = handle(TranscribeParams(), job, engine)
    words = "".join(c for c in result.text.lower() if c.isalpha() or c.isspace()).split()
    true = "".join(
        c
        for c in (speech / "jfk.txt").read_text(encoding="utf-8").lower()
        if c.isalpha() or c.isspace()
    ).split()
    assert words == true
