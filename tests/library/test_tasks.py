"""What the library thinks that a task takes is what its worker takes."""

from importlib import import_module
from pathlib import Path

import pytest

from contracts.items import ArtifactKind
from contracts.jobs import TaskName
from contracts.tasks import TASKS
from kit.http.errors import ProblemError
from kit.service import WorkerService
from services.library.pipelines.validation import check_kinds

SERVICES = Path(__file__).parents[2] / "services"
WORKERS = sorted(
    path.parent.name
    for path in SERVICES.glob("*/service.py")
    if path.parent.name in {task.value for task in TaskName}
)


@pytest.mark.parametrize("word", WORKERS)
def test_a_worker_and_the_library_agree(word: str) -> None:
    service: WorkerService = import_module(f"services.{word}.service").SERVICE
    task = TASKS[service.word]
    assert (task.params, task.result) == (service.params, service.result)
    assert task.timeout(0.0) >= 60
    assert task.timeout(3600.0) >= task.timeout(240.0) >= 120


def test_every_task_can_be_described() -> None:
    assert {TaskName.INGEST, TaskName.MIDI} <= set(TASKS)
    for task in TASKS.values():
        assert task.params.model_json_schema()["type"] == "object"
        assert task.result.model_json_schema(mode="serialization")["type"] == "object"
        # Every task can be asked for without saying how.
        task.params()


@pytest.mark.parametrize(
    ("kinds", "taken"),
    [
        (["stem"], True),
        (["stem", "stem"], False),
        (["notes"], True),
        (["notes", "notes", "notes", "analysis"], True),
        (["notes", "stem"], False),
        (["slices", "tags"], True),
        (["slices", "tags", "stem"], True),
        (["analysis"], False),
        (["lyrics"], False),
    ],
)
def test_midi_takes_one_recording_or_slices_or_many_lists_of_notes(
    kinds: list[str], taken: bool
) -> None:
    artifact_kinds = [ArtifactKind(kind) for kind in kinds]
    task = TASKS[TaskName.MIDI]
    if taken:
        check_kinds(TaskName.MIDI, task, artifact_kinds, field="body.inputs")
        return
    with pytest.raises(ProblemError, match="any number of: notes"):
        check_kinds(TaskName.MIDI, task, artifact_kinds, field="body.inputs")
