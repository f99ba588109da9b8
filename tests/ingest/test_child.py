"""The service as a worker runs it: in a spawned child that takes its decoder along when it dies."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from contracts.ids import JobId
from contracts.ingest import IngestResult
from contracts.items import ArtifactKind, ItemKind
from contracts.jobs import ItemFacts
from kit.audio.encode import AudioForm
from kit.worker.child_protocol import ChildResult, Finished, ProgressMade, Work
from kit.worker.compute import Child, ChildDied, EngineSetup
from kit.worker.job import JobInput
from services.ingest.service import SERVICE
from tests.ingest.uploads import write_wav
from tests.support import signals
from tests.support.single_job import ITEM, SUBJECT


def work(path: Path, scratch: Path) -> Work:
    scratch.mkdir()
    return Work(
        job=JobId("01234567-89ab-7def-8123-456789abcde0"),
        subject=SUBJECT,
        item=ItemFacts(id=ITEM, kind=ItemKind.TRACK, name="song"),
        inputs=(
            JobInput(
                path=path,
                kind=ArtifactKind.ORIGINAL,
                name=path.name,
                subject=SUBJECT,
                sha256="0" * 64,
            ),
        ),
        params={},
        scratch=scratch,
    )


@pytest.fixture
def child(tmp_path: Path) -> Child:
    folder = tmp_path / "engine"
    folder.mkdir()
    return Child(SERVICE, EngineSetup(weights={}, device="cpu", threads=1), scratch=folder)


async def test_a_child_ingests_and_goes_on(child: Child, tmp_path: Path) -> None:
    await child.start(within=50)
    try:
        assert child.engine.startswith("ffmpeg ")
        assert "limits" in child.engine
        good = write_wav(tmp_path / "a.wav", signals.noise(1.0), 44_100)
        bad = tmp_path / "b.wav"
        bad.write_text("#EXTM3U\nhttp://localhost/\n")
        ends = []
        for number, path in enumerate((bad, good)):
            messages = [
                child_message
                async for child_message in child.run(work(path, tmp_path / f"job-{number}"))
            ]
            ends.append(messages[-1])
        refused, finished = ends
        assert isinstance(refused, ChildResult)
        assert (refused.outcome, refused.reason) == ("rejected", "playlist")
        assert isinstance(finished, Finished)
        assert IngestResult.model_validate(finished.result).audio.samples == 44_100
        assert [output.name for output in finished.outputs] == ["canonical.flac", "peaks.dat"]
        assert finished.outputs[0].audio is not None
    finally:
        await child.kill()


def children(pid: int) -> list[int]:
    pids = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in pids.split()]


def runs(pid: int, word: bytes) -> bool:
    return word in Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_no_decoder_outlives_its_worker(child: Child, tmp_path: Path) -> None:
    await child.start(within=50)
    noise = signals.noise(600.0, channels=2)
    path = write_wav(tmp_path / "long.wav", noise, 44_100, AudioForm.WAV_16)
    decoders: list[int] = []
    died: ChildDied | None = None
    async for message in child.run(work(path, tmp_path / "job")):
        if isinstance(message, ProgressMade) and not decoders:
            (ours,) = (pid for pid in children(os.getpid()) if runs(pid, b"kit.worker.child"))
            decoders = children(ours)
            assert runs(decoders[0], b"ffmpeg")
            died = await child.kill()
    assert died is not None
    assert died.cause == "signal SIGKILL"
    assert len(decoders) == 1
    for _ in range(200):
        if not running(decoders[0]):
            break
        await asyncio.sleep(0.05)
    assert not running(decoders[0])


def running(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
