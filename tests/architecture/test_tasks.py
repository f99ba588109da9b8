"""A task is known by name only in its row of `contracts/tasks.py` and in five files."""

import ast

from contracts.tasks import TASKS, UPLOAD_TASK
from tests.architecture.sources import ROOT

LIBRARY = ROOT / "services" / "library"
BY_NAME = {
    "completion/effects.py",
    "pipelines/builtin.py",
    "query_sounds/results.py",
    "recommendations/tables.py",
    "search/findings.py",
    "search/pending.py",
}


def test_the_library_names_tasks_in_six_files_only() -> None:
    naming = set()
    for path in LIBRARY.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Attribute) or not node.attr.isupper():
                continue
            if isinstance(node.value, ast.Name) and node.value.id == "TaskName":
                naming.add(str(path.relative_to(LIBRARY)))
    assert naming == BY_NAME


def test_one_task_starts_items() -> None:
    assert [name for name, task in TASKS.items() if task.starts_item] == [UPLOAD_TASK]
    assert not TASKS[UPLOAD_TASK].user_submittable
