"""The service as a worker runs it: in a spawned child."""

from pathlib import Path

from contracts.analysis import AnalysisResult
from contracts.ids import JobId
from contracts.items import ItemKind
from contracts.jobs import ItemFacts
from kit.worker.child_protocol import ChildResult, Finished, Work
from kit.worker.compute import Child, EngineSetup
from services.analysis.service import SERVICE
from tests.analysis.networks import weights
from tests.support import signals
from tests.support.single_job import ITEM, SUBJECT, audio_input, write_audio


def work(path: Path, scratch: Path) -> Work:
    scratch.mkdir()
    return Work(
        job=JobId("01234567-89ab-7def-8123-456789abcde0"),
        subject=SUBJECT,
        item=ItemFacts(id=ITEM, kind=ItemKind.TRACK, name="song"),
        inputs=(audio_input(path),),
        params={},
        scratch=scratch,
    )


async def test_a_child_goes_on_after_silence(tmp_path: Path) -> None:
    folder = tmp_path / "engine"
    folder.mkdir()
    setup = EngineSetup(weights=weights(), device="cpu", threads=1)
    child = Child(SERVICE, setup, scratch=folder)
    await child.start(within=50)
    try:
        assert child.engine.endswith("numpy")
        silent = write_audio(tmp_path / "silent.flac", signals.silence(1.0))
        good = write_audio(tmp_path / "good.flac", signals.drum_loop(120.0, 4).audio)
        ends = []
        for number, path in enumerate((silent, good)):
            messages = [
                child_message
                async for child_message in child.run(work(path, tmp_path / f"job-{number}"))
            ]
            ends.append(messages[-1])
        skipped, finished = ends
        assert isinstance(skipped, ChildResult)
        assert (skipped.outcome, skipped.reason) == ("skipped", "silent")
        assert isinstance(finished, Finished)
        AnalysisResult.model_validate(finished.result)
        assert "waveform-0.png" in [output.name for output in finished.outputs]
    finally:
        await child.kill()
