"""`run`, `jobs`, `watch`, `cancel`."""

import json as json_
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from cratedig import types
from cratedig.cli.finding import find, find_item, is_id
from cratedig.cli.output import AsJson, as_json, bars, note, one_of, say, table
from cratedig.cli.tags import summary
from cratedig.client import Client
from cratedig.errors import JobFailed, NotFound

Params = Annotated[
    list[str] | None,
    typer.Option(
        "--param", "-p", help="NAME=VALUE of a task's parameter; for a pipeline STEP.NAME=VALUE."
    ),
]
STATES = get_args(types.JobState)
PRIORITIES = get_args(types.Priority)
Priority = Annotated[
    str, typer.Option(help=f"How long it may wait behind other work: {', '.join(PRIORITIES)}.")
]


@dataclass(frozen=True, slots=True)
class Order:
    """What to do with items: a pipeline or a task, and how."""

    what: str | dict[str, Any]
    params: dict[str, Any]
    """By name, for a pipeline by `STEP.NAME`."""
    priority: types.Priority
    force: bool

    @classmethod
    def of(cls, what: str, params: Iterable[str] | None, priority: str, *, force: bool) -> "Order":
        """Read what was typed. Raises `typer.BadParameter`."""
        one_of(priority, PRIORITIES, "--priority")
        spec: str | dict[str, Any] = what
        if what.endswith(".json"):
            try:
                spec = json_.loads(Path(what).read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise typer.BadParameter(f"{what}: {error}") from error
        given = dict(map(_param, params or ()))
        return cls(spec, given, cast(types.Priority, priority), force)

    def by_step(self) -> dict[str, dict[str, Any]]:
        """Return parameters by step, for a pipeline. Raises `typer.BadParameter`."""
        steps: dict[str, dict[str, Any]] = {}
        for given, value in self.params.items():
            step, dot, name = given.partition(".")
            if not dot:
                text = f"{given!r} names no step; a pipeline takes STEP.NAME=VALUE"
                raise typer.BadParameter(text, param_hint="--param")
            steps.setdefault(step, {})[name] = value
        return steps


def run(
    what: Annotated[str, typer.Argument(help="A pipeline, a task, or a JSON file of a pipeline.")],
    items: Annotated[list[str], typer.Argument(help="Ids or names of items.")],
    param: Params = None,
    priority: Priority = "interactive",
    force: Annotated[bool, typer.Option(help="Work again even if a result is there.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait for the result.")] = True,
    json: AsJson = False,
) -> None:
    """Run a pipeline or one task over items."""
    order = Order.of(what, param, priority, force=force)
    done: list[types.Job | types.Run] = []
    with Client() as client:
        for item in [find_item(client, one) for one in items]:
            done.append(start(client, item, order, wait=wait))
            if not json:
                tell(done[-1])
    if json:
        as_json(done)
    bad = [one for one in done if one.state == "failed"]
    if bad:
        raise JobFailed(bad[0].id, "failed", "failed", "every step failed")


def start(client: Client, item: types.Item, order: Order, *, wait: bool) -> types.Job | types.Run:
    """Start a pipeline or a task over an item; with `wait`, return it as it ended.

    Raises
    ------
    CratedigError, typer.BadParameter
    """
    spec = order.what
    pipelines = {pipeline.spec.name for pipeline in client.pipelines()}
    tasks = {task.name for task in client.tasks() if task.offered}
    # A task and a pipeline may have one name; parameters without a step are the task's.
    as_pipeline = isinstance(spec, dict) or (
        spec in pipelines and (spec not in tasks or all("." in one for one in order.params))
    )
    if as_pipeline:
        walk = client.create_run(
            item.id, spec, params=order.by_step(), priority=order.priority, force=order.force
        )
        return _follow_run(client, walk.id, item.name) if wait else walk
    if spec not in tasks:
        known = ", ".join(sorted(pipelines | tasks))
        raise NotFound("not_found", f"there is no pipeline or task {spec!r}; there are {known}")
    job = client.create_job(
        item.id, str(spec), params=order.params, priority=order.priority, force=order.force
    )
    return follow_job(client, job.id, f"{spec} of {item.name}") if wait else client.job(job.id)


def _param(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--param")
    try:
        return name, json_.loads(value)
    except ValueError:
        return name, value


def jobs(
    item: Annotated[str | None, typer.Argument(help="Only of this item.")] = None,
    state: Annotated[str | None, typer.Option(help=f"One of {', '.join(STATES)}.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    json: AsJson = False,
) -> None:
    """List jobs, newest first; of those that wait, their place in the queue and why they wait."""
    one_of(state, STATES, "--state")
    with Client() as client:
        of = find_item(client, item).id if item is not None else None
        found = list(islice(client.jobs(item=of, state=state), limit))
        found = [client.job(one.id) if one.state == "queued" else one for one in found]
    if json:
        as_json(found)
    elif found:
        rows = [(job.id, job.task, job.state, said(job)) for job in found]
        table(("JOB", "TASK", "STATE", ""), rows)
    else:
        note("no jobs here yet: cratedig run full SONG")


def said(job: types.Job) -> str:
    """Return what there is to say of a job: why it waits, how far it is, what came of it."""
    if job.queue:
        return f"{job.queue.position}. in the queue: {job.queue.message}"
    if job.state == "running":
        return f"{job.progress.fraction:.0%} {job.progress.message}".strip()
    if job.failure:
        return job.failure.message
    return summary(job.result) if job.task == "tagging" and job.result else ""


def follow_job(client: Client, job_id: str, title: str) -> types.Job:
    """Draw a bar until a job has ended."""
    with bars(bytes_=False) as progress:
        bar = progress.add_task(title, total=1.0)

        def told(job: types.Job) -> None:
            words = f"{title}, {said(job)}" if job.queue else title
            progress.update(bar, description=words, completed=job.progress.fraction)

        return client.wait_job(job_id, told=told)


def _follow_run(client: Client, run_id: str, title: str) -> types.Run:
    with bars(bytes_=False) as progress:
        bar = progress.add_task(title, total=1.0)
        return client.wait_run(
            run_id, told=lambda walk: progress.update(bar, completed=walk.progress.fraction)
        )


def tell(seen: types.Job | types.Run) -> None:
    """Print how a job, or a run with its steps, stands."""
    if isinstance(seen, types.Job):
        words = said(seen)
        say(f"{seen.id}  {seen.task} {seen.state}" + (f": {words}" if words else ""))
        return
    say(f"{seen.id}  {seen.pipeline.name} {seen.state}")
    width = max((len(step.name) for step in seen.steps), default=0)
    for step in seen.steps:
        say(f"  {step.name:<{width}}  {_step(seen, step)}")


def _step(walk: types.Run, step: types.Step) -> str:
    if step.skipped or step.states:
        return step.skipped or ", ".join(sorted(set(step.states)))
    spec = next((one for one in walk.pipeline.steps if one["name"] == step.name), {})
    sources = [one["step"] for key in ("inputs", "beside") for one in spec.get(key, ())]
    open_ = {one.name for one in walk.steps if not set(one.states) or not _ended(one)}
    before = [name for name in dict.fromkeys([*sources, *spec.get("after", ())]) if name in open_]
    return f"waits for {', '.join(before)}" if before and not walk.ended else "not begun"


def _ended(step: types.Step) -> bool:
    return bool(step.skipped) or all(state in types.TERMINAL for state in step.states)


def watch(
    what: Annotated[
        str | None,
        typer.Argument(help="Name of an item, or id of an item, a job or a run; all by default."),
    ] = None,
    after: Annotated[str, typer.Option(help="Go on after this event's id.")] = "",
    json: AsJson = False,
) -> None:
    """Print live events until interrupted, or until the job or run that is watched has ended.

    With --json each event is one object on a line of its own.
    """
    with Client() as client:
        seen = find(client, what) if what is not None else None
        if isinstance(seen, types.Job | types.Run) and seen.ended and not after:
            as_json(seen, lines=True) if json else tell(seen)
            return
        if isinstance(seen, types.Job) and seen.queue:
            note(said(seen))
        kind = type(seen).__name__.lower()
        of = {kind: seen.id} if seen is not None else {}
        for event in client.events(**of, after=after):
            if json:
                as_json(event, lines=True)
            else:
                detail = " ".join(f"{k}={v}" for k, v in event.data.items() if _short(v))
                say(f"{event.type:<16} {detail}")
            if kind == "job" and event.type in {f"job.{state}" for state in types.TERMINAL}:
                return
            if kind == "run" and event.type == "run.finished":
                return


def _short(value: Any) -> bool:
    return isinstance(value, str | int | float) and value != ""


def cancel(
    ids: Annotated[list[str], typer.Argument(help="Ids of jobs or runs.")], json: AsJson = False
) -> None:
    """Stop jobs or runs."""
    stopped: list[types.Job | types.Run] = []
    with Client() as client:
        for one in ids:
            seen = find(client, one) if is_id(one) else None
            if isinstance(seen, types.Job):
                stopped.append(client.cancel_job(one))
            elif isinstance(seen, types.Run):
                stopped.append(client.cancel_run(one))
            else:
                raise NotFound("not_found", f"{one}: this is no id of a job or a run")
            if json:
                continue
            if stopped[-1].ended:
                say(f"{one}  {stopped[-1].state}")
            else:
                note(f"{one} is told to stop")
    if json:
        as_json(stopped)
