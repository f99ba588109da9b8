"""What to run on items, as options say it, and starting it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from cratedig import Client, types
from cratedig.cli.errors import LookupFailedError
from cratedig.cli.following import follow_job, follow_run
from cratedig.cli.output import check_choice
from cratedig.cli.processing import read_pipeline

Params = Annotated[
    list[str] | None,
    typer.Option(
        "--param", "-p", help="NAME=VALUE of a task's parameter; for a pipeline STEP.NAME=VALUE."
    ),
]
PRIORITIES = get_args(types.Priority)
Priority = Annotated[
    str, typer.Option(help=f"How long it may wait behind other work: {', '.join(PRIORITIES)}.")
]


@dataclass(frozen=True, slots=True)
class Submission:
    """A pipeline or a task with its parameters."""

    what: str | dict[str, Any]
    params: dict[str, Any]
    """By name, for a pipeline by `STEP.NAME`."""
    priority: types.Priority
    force: bool

    @classmethod
    def parse(
        cls, what: str, params: Iterable[str] | None, priority: str, *, force: bool
    ) -> "Submission":
        """Read the options. Raises `typer.BadParameter`."""
        check_choice(priority, PRIORITIES, "--priority")
        spec = read_pipeline(Path(what)) if what.endswith(".json") else what
        values = dict(map(_parse_param, params or ()))
        return cls(spec, values, cast(types.Priority, priority), force)

    def params_by_step(self) -> dict[str, dict[str, Any]]:
        """Return the parameters of a pipeline by step. Raises `typer.BadParameter`."""
        steps: dict[str, dict[str, Any]] = {}
        for path, value in self.params.items():
            step, dot, name = path.partition(".")
            if not dot:
                text = f"{path!r} names no step. Parameters of a pipeline are STEP.NAME=VALUE."
                raise typer.BadParameter(text, param_hint="--param")
            steps.setdefault(step, {})[name] = value
        return steps


class Starter:
    """Starts one pipeline or task on items.

    Raises
    ------
    LookupFailedError
        There is no such pipeline or task.
    typer.BadParameter
        Parameters of a pipeline name no step.
    """

    def __init__(self, client: Client, submission: Submission) -> None:
        spec = submission.what
        pipelines = {pipeline.spec.name for pipeline in client.pipelines.list()}
        tasks = {task.name for task in client.tasks.list() if task.offered}
        # A task and a pipeline may have one name. Parameters without a step are those of the task.
        self._is_pipeline = isinstance(spec, dict) or (
            spec in pipelines
            and (spec not in tasks or all("." in path for path in submission.params))
        )
        if not self._is_pipeline and spec not in tasks:
            known = ", ".join(sorted(pipelines | tasks))
            raise LookupFailedError(f"There is no pipeline or task {spec!r}. Choose from {known}.")
        self._client = client
        self._submission = submission
        self._params = submission.params_by_step() if self._is_pipeline else submission.params

    def start(self, item: str) -> types.Job | types.Run:
        """Start it on an item; return the job or run as it is now."""
        create = self._client.runs.create if self._is_pipeline else self._client.jobs.create
        return create(
            item,
            cast(Any, self._submission.what),
            params=self._params,
            priority=self._submission.priority,
            force=self._submission.force,
        )

    def run(self, item: types.Item, *, wait: bool) -> types.Job | types.Run:
        """Start it on an item, and return it as it ended; without `wait`, as it is now."""
        work = self.start(item.id)
        if isinstance(work, types.Run):
            return follow_run(self._client, work.id, item.name) if wait else work
        if wait:
            return follow_job(self._client, work.id, f"{work.task} of {item.name}")
        # This has its place in the queue.
        return self._client.jobs.get(work.id)


def _parse_param(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} has no '='. Write NAME=VALUE.", param_hint="--param")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
