"""`run`, `jobs`, `runs`, `watch`, `cancel`, `retry`."""

import time
from itertools import islice
from typing import Annotated, Any, cast, get_args

import typer

from cratedig import Client, JobFailedError, RateLimitError, types
from cratedig.cli.errors import LookupFailedError
from cratedig.cli.following import describe, follow_job, print_work
from cratedig.cli.lookup import find, find_item, find_work
from cratedig.cli.output import (
    AsJson,
    check_choice,
    print_json,
    print_line,
    print_note,
    print_table,
)
from cratedig.cli.submission import Params, Priority, Starter, Submission

_QUEUE_PAUSE = 5.0
"""Seconds between tries while the queue of the account is full."""
JOB_STATES = get_args(types.JobState)
RUN_STATES = get_args(types.RunState)


def run(
    what: Annotated[str, typer.Argument(help="A pipeline, a task, or a JSON file of a pipeline.")],
    items: Annotated[list[str] | None, typer.Argument(help="Ids or names of items.")] = None,
    search: Annotated[
        str | None,
        typer.Option(help="All items that this search finds; for many, so it does not wait."),
    ] = None,
    param: Params = None,
    priority: Priority = "interactive",
    force: Annotated[bool, typer.Option(help="Run again even if a result exists.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait for the result.")] = True,
    json: AsJson = False,
) -> None:
    """Run a pipeline or one task on items.

    With --search, items whose result of the present version exists are left out: after an
    interruption, or once tagging has new weights, the same command does what is missing.
    """
    submission = Submission.parse(what, param, priority, force=force)
    if search is not None and not items:
        _run_found(search, submission, json=json)
        return
    if not items or search is not None:
        raise typer.BadParameter("Name items, or a search with --search.")
    done: list[types.Job | types.Run] = []
    with Client() as client:
        starter = Starter(client, submission)
        for item in [find_item(client, name) for name in items]:
            done.append(starter.run(item, wait=wait))
            if not json:
                print_work(done[-1])
    if json:
        print_json(done)
    for work in done:
        if work.state == "failed":
            raise JobFailedError(work.id, "failed", "failed", "every step of the run failed")


def _run_found(search: str, submission: Submission, *, json: bool) -> None:
    """Start work on all items of a search, and print how much there is to do."""
    started, existing = 0, 0
    with Client() as client:
        starter = Starter(client, submission)
        for hit in client.search.list(search, page_size=200):
            work = _start_when_admitted(starter, hit.item.id)
            started += work.state in ("queued", "running")
            existing += work.state == "succeeded"
    if json:
        print_json({"started": started, "existing": existing})
    else:
        print_line(f"{started} started, {existing} have a result already")
        print_note("`cratedig jobs` and `cratedig runs` show how they go on.")


def _start_when_admitted(starter: Starter, item: str) -> types.Job | types.Run:
    """Start work on an item, once the account's queue has room."""
    while True:
        try:
            return starter.start(item)
        except RateLimitError as error:
            print_note(f"{error} Waiting …")
            time.sleep(error.retry_after or _QUEUE_PAUSE)


def jobs(
    item: Annotated[str | None, typer.Argument(help="Only of this item.")] = None,
    subject: Annotated[
        str | None, typer.Option(help="Only of this subject, as kind:id, such as collection:ID.")
    ] = None,
    state: Annotated[str | None, typer.Option(help=f"One of {', '.join(JOB_STATES)}.")] = None,
    task: Annotated[str | None, typer.Option(help="Only of this task.")] = None,
    run: Annotated[str | None, typer.Option(help="Only of the run with this id.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    json: AsJson = False,
) -> None:
    """List jobs, newest first, with the place of waiting ones in the queue and why they wait."""
    check_choice(state, JOB_STATES, "--state")
    with Client() as client:
        listed = client.jobs.list(
            subject=subject,
            item=find_item(client, item).id if item is not None else None,
            state=cast(types.JobState | None, state),
            task=task,
            run=run,
        )
        # Only `get` says where a job waits.
        jobs = [
            client.jobs.get(job.id) if job.state == "queued" else job
            for job in islice(listed, limit)
        ]
    if json:
        print_json(jobs)
    elif jobs:
        rows = [(job.id, job.task, job.state, describe(job)) for job in jobs]
        print_table(("JOB", "TASK", "STATE", ""), rows)
    elif any((item, state, task, run)):
        print_note("No jobs match.")
    else:
        print_note("No jobs yet. Start some: cratedig run full SONG")


def runs(
    item: Annotated[str | None, typer.Argument(help="Only of this item.")] = None,
    state: Annotated[str | None, typer.Option(help=f"One of {', '.join(RUN_STATES)}.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    json: AsJson = False,
) -> None:
    """List runs, newest first. `show` has the steps of one."""
    check_choice(state, RUN_STATES, "--state")
    with Client() as client:
        listed = client.runs.list(
            item=find_item(client, item).id if item is not None else None,
            state=cast(types.RunState | None, state),
        )
        runs = list(islice(listed, limit))
    if json:
        print_json(runs)
    elif runs:
        rows = [
            (run.id, run.pipeline.name, run.state, f"{run.progress.fraction:.0%}") for run in runs
        ]
        print_table(("RUN", "PIPELINE", "STATE", "DONE"), rows)
    elif item or state:
        print_note("No runs match.")
    else:
        print_note("No runs yet. Start one: cratedig run full SONG")


def watch(
    what: Annotated[
        str | None,
        typer.Argument(help="Name of an item, or id of an item, a job or a run; all by default."),
    ] = None,
    after: Annotated[str, typer.Option(help="Continue after the event with this id.")] = "",
    json: AsJson = False,
) -> None:
    """Print live events until interrupted, or until the job or run that is watched has ended.

    With --json each event is one object on a line of its own.
    """
    with Client() as client:
        watched = find(client, what) if what is not None else None
        if isinstance(watched, types.Job | types.Run) and watched.ended and not after:
            print_json(watched, lines=True) if json else print_work(watched)
            return
        if isinstance(watched, types.Job) and watched.queue:
            print_note(describe(watched))
        kind = type(watched).__name__.lower()
        only = {kind: watched.id} if watched is not None else {}
        for event in client.events.stream(**only, after=after):
            if json:
                print_json(event, lines=True)
            else:
                detail = " ".join(f"{k}={v}" for k, v in event.data.items() if _is_short(v))
                print_line(f"{event.type:<16} {detail}")
            if kind == "job" and event.type in {f"job.{state}" for state in types.TERMINAL}:
                return
            if kind == "run" and event.type == "run.finished":
                return


def _is_short(value: Any) -> bool:
    return isinstance(value, str | int | float) and value != ""


def cancel(
    ids: Annotated[list[str], typer.Argument(help="Ids of jobs or runs.")], json: AsJson = False
) -> None:
    """Cancel jobs or runs."""
    cancelled: list[types.Job | types.Run] = []
    with Client() as client:
        for id_ in ids:
            work = find_work(client, id_)
            cancel_ = client.jobs.cancel if isinstance(work, types.Job) else client.runs.cancel
            cancelled.append(cancel_(id_))
            if json:
                continue
            if cancelled[-1].ended:
                print_line(f"{id_}  {cancelled[-1].state}")
            else:
                print_note(f"{id_} is being cancelled")
    if json:
        print_json(cancelled)


def retry(
    ids: Annotated[list[str], typer.Argument(help="Ids of jobs that failed or were cancelled.")],
    wait: Annotated[bool, typer.Option(help="Wait for the result.")] = True,
    lighter: Annotated[
        bool,
        typer.Option("--lighter", help="With the parameters that the server advises, if any."),
    ] = False,
    json: AsJson = False,
) -> None:
    """Run jobs again that failed or were cancelled."""
    retried: list[types.Job] = []
    with Client() as client:
        for id_ in ids:
            work = find_work(client, id_)
            if not isinstance(work, types.Job):
                raise LookupFailedError(
                    f"{id_} is a run. Retry its jobs: cratedig jobs --run {id_} --state failed"
                )
            advised = [advice for advice in work.retry_with if advice.parameters]
            parameters = advised[0].parameters if lighter and advised else None
            job = client.jobs.retry(id_, parameters=parameters)
            retried.append(follow_job(client, job.id, job.task) if wait else job)
            if not json:
                print_work(retried[-1])
    if json:
        print_json(retried)
