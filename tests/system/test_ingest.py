"""Files that are taken in while others are long, or while the disk has no room."""

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cratedig import Client
from services.library.jobs.policy import Policy
from tests.support.running_server import RunningServer, embedded_server, eventually, running
from tests.support.sounds import write_tone

pytestmark = pytest.mark.timeout(300)


def write_noise(path: Path, *, size: int, seed: int) -> Path:
    """Write a stereo WAV of noise of somewhat more bytes than asked."""
    noise = np.random.default_rng(seed).integers(-9000, 9000, (1 << 18, 2), dtype=np.int16)
    with soundfile.SoundFile(path, "w", 44_100, 2, subtype="PCM_16") as file:
        for _ in range(size // noise.nbytes + 1):
            file.write(noise)
    return path


def test_a_short_file_does_not_wait_for_two_long_ones(
    server: RunningServer, tmp_path: Path
) -> None:
    users = [server.user(name) for name in ("long", "longer")]
    longs: list[tuple[Client, str]] = []
    for number, user in enumerate(users):
        path = write_noise(tmp_path / f"{number}.wav", size=2 * Policy().long_upload, seed=number)
        sent = user.uploads.file(path)
        longs.append((user, str(sent.job)))
    short = server.user("short")
    sent = short.uploads.file(write_tone(tmp_path / "tone.wav"))
    taken = short.jobs.wait(str(sent.job))
    first, second = (user.jobs.wait(job) for user, job in longs)
    assert first.finished is not None
    assert second.started is not None
    assert second.started >= first.finished, "a slot is kept for short files"
    assert taken.finished is not None
    assert second.finished is not None
    assert taken.finished < second.finished


def test_an_upload_that_meets_a_full_disk_is_taken_in_once_there_is_room(tmp_path: Path) -> None:
    server = embedded_server(tmp_path)
    server.parts["server"].command = [sys.executable, "-m", "tests.support.full_disk_server"]
    full = tmp_path / "data" / "full"
    with running(server):
        user = server.user()
        full.touch()
        sent = user.uploads.file(write_tone(tmp_path / "tone.wav"))
        eventually(
            lambda: len(full.read_text(encoding="utf-8").splitlines()) >= 3,
            within=60,
            what="three attempts that found no room",
        )
        assert user.items.get(str(sent.item)).state == "ingesting"
        full.unlink()
        user.jobs.wait(str(sent.job))
        assert user.items.get(str(sent.item)).state == "ready"
