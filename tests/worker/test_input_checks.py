"""Before a handler works on audio: what is too short, damaged or of no stem ends the job."""

from pathlib import Path

import numpy as np
import pytest

from contracts.items import ArtifactKind
from contracts.subjects import Subject
from kit.audio.encode import AudioForm, Encoder
from kit.worker.intake import open_input, reject_unreadable
from kit.worker.job import JobInput
from kit.worker.outcomes import Rejected, Skipped

SUBJECT = Subject.of_item("01900000-0000-7000-8000-000000000001")
RATE = 44_100


def recording(path: Path, samples: int) -> JobInput:
    form = AudioForm.FLAC_24 if path.suffix == ".flac" else AudioForm.WAV_FLOAT
    with Encoder(path, RATE, channels=1, form=form) as encoder:
        encoder.write(np.full((1, samples), 0.1, np.float32))
    return JobInput(
        path=path, kind=ArtifactKind.CANONICAL, name=path.name, subject=SUBJECT, sha256="0" * 64
    )


def test_audio_of_the_minimum_length_is_opened(tmp_path: Path) -> None:
    facts = open_input(recording(tmp_path / "a.flac", 4_410), min_seconds=0.1)
    assert (facts.samples, facts.sample_rate) == (4_410, RATE)


def test_a_sample_less_is_too_short_and_the_message_says_how_long_it_must_be(
    tmp_path: Path,
) -> None:
    with pytest.raises(Skipped, match=r"needs 0\.1 s or more") as ended:
        open_input(recording(tmp_path / "a.flac", 4_409), min_seconds=0.1)
    assert ended.value.reason == "too_short"


def test_audio_without_a_sample_is_too_short_for_every_service(tmp_path: Path) -> None:
    with pytest.raises(Skipped):
        open_input(recording(tmp_path / "a.wav", 0), min_seconds=0.0)


def test_a_damaged_file_rejects_the_job_whenever_that_shows(tmp_path: Path) -> None:
    source = recording(tmp_path / "a.flac", 4_410)
    source.path.write_bytes(b"fLaC and nothing else")

    @reject_unreadable()
    def handle() -> None:
        open_input(source, min_seconds=0.1)

    with pytest.raises(Rejected, match=r"a\.flac") as ended:
        handle()
    assert ended.value.reason == "unreadable"
