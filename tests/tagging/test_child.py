"""The service as a worker runs it: in a spawned child."""

from pathlib import Path

from contracts.ids import JobId
from contracts.items import ItemKind
from contracts.jobs import ItemFacts
from contracts.tagging import TaggingResult
from kit.worker.child_protocol import ChildResult, Finished, Work
from kit.worker.compute import Child, EngineSetup
from services.tagging.service import SERVICE
from tests.support import signals
from tests.support.single_job import ITEM, SUBJECT, audio_input, write_audio


def work(path: Path, scratch: Path, kind: ItemKind) -> Work:
    scratch.mkdir()
    return Work(
        job=JobId("01234567-89ab-7def-8123-456789abcde0"),
        subject=SUBJECT,
        item=ItemFacts(id=ITEM, kind=kind, name="sound"),
        inputs=(audio_input(path),),
        params={},
        scratch=scratch,
    )


async def test_a_child_tags_songs_and_samples(weights: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "engine"
    folder.mkdir()
    child = Child(SERVICE, EngineSetup(weights=weights, device="cpu", threads=1), scratch=folder)
    await child.start(within=50)
    try:
        assert child.engine.split()[0] in ("openvino", "onnxruntime")
        silent = write_audio(tmp_path / "silent.flac", signals.silence(1.0))
        song = write_audio(tmp_path / "song.flac", signals.drum_loop(120.0, 4).audio)
        hit = write_audio(tmp_path / "hit.flac", signals.noise(0.2))
        ends = []
        for number, (path, kind) in enumerate(
            ((silent, ItemKind.TRACK), (song, ItemKind.TRACK), (hit, ItemKind.SAMPLE))
        ):
            messages = [
                child_message
                async for child_message in child.run(work(path, tmp_path / f"job-{number}", kind))
            ]
            ends.append(messages[-1])
        skipped, tagged, finished = ends
        assert isinstance(skipped, ChildResult)
        assert (skipped.outcome, skipped.reason) == ("skipped", "silent")
        assert isinstance(tagged, Finished)
        assert TaggingResult.model_validate(tagged.result).song
        assert {output.name for output in tagged.outputs} == {"tags.json", "embeddings.npz"}
        assert isinstance(finished, Finished)
        assert TaggingResult.model_validate(finished.result).samples == 1
    finally:
        await child.kill()
