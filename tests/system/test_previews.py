"""Parts of stems can be heard while their job runs, and change nothing of what is stored (R13)."""

import io
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from cratedig import Client, NotFoundError
from kit.arrays import AudioBlock
from kit.audio.decode import read
from kit.audio.encode import Encoder
from tests.separation.synthetic_vocals import RATE, song
from tests.support.running_server import RunningServer, eventually

pytestmark = pytest.mark.timeout(180)

SECONDS = 90
PARAMS = {"weights": "spleeter-2stems", "depth": "16", "overlap": 0.5}
"""Some seconds of work: time enough to listen before it ends."""


@pytest.fixture(scope="module")
def user(server: RunningServer) -> Client:
    return server.user("listener")


@pytest.fixture(scope="module")
def item(user: Client, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("song") / "long song.flac"
    piece = np.clip(song(30.0), -1, 1)
    with Encoder(path, RATE, channels=2) as encoder:
        for number in range(SECONDS // 30):
            encoder.write(piece * np.float32(1 - 0.1 * number))
    sent = user.uploads.file(path, kind="track")
    assert sent.item is not None
    assert sent.job is not None
    user.jobs.wait(sent.job)
    return sent.item


def load_preview(user: Client, job: str, name: str) -> AudioBlock:
    answer = httpx.get(user.jobs.preview(job, name).url)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "audio/flac"
    samples, rate = soundfile.read(io.BytesIO(answer.content), dtype="float32", always_2d=True)
    assert rate == RATE
    return np.ascontiguousarray(samples.T)


def stems(user: Client, item: str, folder: Path) -> dict[str, Path]:
    folder.mkdir()
    artifacts = [artifact for artifact in user.artifacts.list(item) if artifact.kind == "stem"]
    return {
        artifact.name: user.artifacts.save(artifact, folder / artifact.name)
        for artifact in artifacts
    }


def test_previews_of_stems_play_before_the_job_ends(
    user: Client, item: str, tmp_path: Path
) -> None:
    job = user.jobs.create(item, "separation", params=PARAMS).id
    previews: dict[str, AudioBlock] = {}
    early, announced = 0, set[str]()
    for event in user.events.stream(job=job):
        if event.type == "job.succeeded":
            break
        assert event.type not in ("job.failed", "job.skipped"), event
        if event.type != "job.progressed":
            continue
        names = event.data["progress"]["previews"]
        assert announced <= set(names), "what was announced stays"
        for name in names:
            if name in announced or user.jobs.get(job).ended:
                continue
            try:
                previews[name] = load_preview(user, job, name)
            except NotFoundError:
                # It ended between the question and the answer.
                assert user.jobs.get(job).ended
                continue
            early += not user.jobs.get(job).ended
        announced |= set(names)
    assert early >= 2, f"of {sorted(announced)} none was heard in time"
    done = user.jobs.get(job)
    assert done.progress.previews == ()
    with pytest.raises(NotFoundError):
        user.jobs.preview(job, next(iter(previews)))
    assert {artifact.kind for artifact in user.artifacts.list(item)} == {
        "original",
        "canonical",
        "stem",
        "peaks",
    }

    stored = {name: read(path) for name, path in stems(user, item, tmp_path / "first").items()}
    assert set(stored) == {"vocals.flac", "accompaniment.flac"}
    for name, part in previews.items():
        stem, _, number = name.removesuffix(".flac").rpartition("-")
        start = int(number) * 10 * RATE
        whole = stored[f"{stem}.flac"][:, start : start + part.shape[1]]
        assert part.shape[1] >= min(10 * RATE, stored[f"{stem}.flac"].shape[1] - start)
        assert np.array_equal(part, whole)


def test_the_finished_files_are_those_of_a_job_without_previews(
    user: Client, item: str, tmp_path: Path
) -> None:
    user.jobs.wait(user.jobs.create(item, "separation", params=PARAMS).id)
    first = stems(user, item, tmp_path / "with")
    job = user.jobs.create(item, "separation", params={**PARAMS, "previews": False}, force=True)
    seen = user.jobs.wait(job.id)
    assert seen.state == "succeeded"
    again = [a for a in user.artifacts.list(item) if a.kind == "stem" and a.job == job.id]
    assert len(again) == 2
    for artifact in again:
        saved = user.artifacts.save(artifact, tmp_path / artifact.name)
        assert saved.read_bytes() == first[artifact.name].read_bytes()


def test_nobody_else_gets_the_preview(server: RunningServer, user: Client, item: str) -> None:
    job = user.jobs.create(item, "separation", params=PARAMS, force=True).id
    names: list[str] = []

    def some() -> bool:
        names[:] = user.jobs.get(job).progress.previews
        return bool(names)

    eventually(some, within=60, what="a preview")
    with pytest.raises(NotFoundError):
        server.user("other").jobs.preview(job, names[0])
    with pytest.raises(NotFoundError):
        user.jobs.preview(job, "drums-000.flac")
    user.jobs.cancel(job)
