"""`run`, `watch`, `cancel`."""

import json as json_
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cratedig import types
from cratedig.cli.finding import find_item
from cratedig.cli.output import AsJson, as_json, bars, note, say
from cratedig.client import Client
from cratedig.errors import CratedigError, JobFailed, NotFound


def run(
    what: Annotated[str, typer.Argument(help="A pipeline, a task, or a JSON file of a pipeline.")],
    items: Annotated[list[str], typer.Argument(help="Ids or names of items.")],
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", help="NAME=VALUE of a task's parameter.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Work again even if a result is there.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait for the result.")] = True,
    json: AsJson = False,
) -> None:
    """Run a pipeline or one task over items."""
    params = dict(map(_param, param or ()))
    with Client() as client:
        for item in [find_item(client, one) for one in items]:
            start(client, item, what, params, force=force, wait=wait, json=json)


def start(
    client: Client,
    item: types.Item,
    what: str,
    params: Mapping[str, Any],
    *,
    force: bool,
    wait: bool,
    json: bool,
) -> None:
    """Start a pipeline or a task over an item, and show how it goes."""
    spec: str | dict[str, Any] = what
    if what.endswith(".json"):
        try:
            spec = json_.loads(Path(what).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise typer.BadParameter(f"{what}: {error}") from error
    pipelines = {pipeline.spec.name for pipeline in client.pipelines()}
    if isinstance(spec, dict) or (spec in pipelines and not params):
        walk = client.create_run(item.id, spec, force=force)
        if wait:
            walk = _follow_run(client, walk.id, item.name)
        as_json(walk) if json else _tell_run(walk)
        if walk.state == "failed":
            raise JobFailed(walk.id, walk.state, "failed", "every step failed")
        return
    tasks = {task.name for task in client.tasks() if task.offered}
    if spec not in tasks:
        known = ", ".join(sorted(pipelines | tasks))
        raise NotFound("not_found", f"there is no pipeline or task {spec!r}; there are {known}")
    job = client.create_job(item.id, spec, params=params, force=force)
    if wait:
        job = follow_job(client, job.id, f"{spec} of {item.name}")
    as_json(job) if json else _tell_job(job)


def _param(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--param")
    try:
        return name, json_.loads(value)
    except ValueError:
        return name, value


def follow_job(client: Client, job_id: str, title: str) -> types.Job:
    """Draw a bar until a job has ended."""
    with bars(bytes_=False) as progress:
        bar = progress.add_task(title, total=1.0)
        return client.wait_job(
            job_id, told=lambda job: progress.update(bar, completed=job.progress.fraction)
        )


def _follow_run(client: Client, run_id: str, title: str) -> types.Run:
    with bars(bytes_=False) as progress:
        bar = progress.add_task(title, total=1.0)
        return client.wait_run(
            run_id, told=lambda walk: progress.update(bar, completed=walk.progress.fraction)
        )


def _tell_job(job: types.Job) -> None:
    why = f": {job.failure.message}" if job.failure else ""
    say(f"{job.id}  {job.task} {job.state}{why}")


def _tell_run(walk: types.Run) -> None:
    say(f"{walk.id}  {walk.pipeline.name} {walk.state}")
    width = max((len(step.name) for step in walk.steps), default=0)
    for step in walk.steps:
        states = step.skipped or ", ".join(sorted(set(step.states))) or "waiting"
        say(f"  {step.name:<{width}}  {states}")


def watch(
    what: Annotated[
        str | None, typer.Argument(help="Id of an item or a job; all by default.")
    ] = None,
    after: Annotated[str, typer.Option(help="Go on after this event's id.")] = "",
    json: AsJson = False,
) -> None:
    """Print live events until interrupted, or until the job that is watched has ended."""
    with Client() as client:
        item, job = _told(client, what)
        for event in client.events(item=item, job=job, after=after):
            if json:
                print(event.model_dump_json(), flush=True)
            else:
                detail = " ".join(f"{k}={v}" for k, v in event.data.items() if _short(v))
                say(f"{event.type:<16} {detail}")
            if job and event.type in {f"job.{state}" for state in types.TERMINAL}:
                return


def _short(value: Any) -> bool:
    return isinstance(value, str | int | float) and value != ""


def _told(client: Client, what: str | None) -> tuple[str | None, str | None]:
    if what is None:
        return None, None
    try:
        return None, client.job(what).id
    except CratedigError:
        return client.item(what).id, None


def cancel(
    ids: Annotated[list[str], typer.Argument(help="Ids of jobs or runs.")], json: AsJson = False
) -> None:
    """Stop jobs or runs."""
    with Client() as client:
        for one in ids:
            stopped: types.Job | types.Run
            try:
                stopped = client.cancel_job(one)
            except NotFound:
                stopped = client.cancel_run(one)
            if json:
                as_json(stopped)
            elif stopped.ended:
                say(f"{stopped.id}  {stopped.state}")
            else:
                note(f"{stopped.id} is told to stop")
