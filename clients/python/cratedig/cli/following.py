"""Jobs and runs on their way, for people."""

from cratedig import Client, types
from cratedig.cli.output import print_line, progress_bars
from cratedig.cli.tags import summary


def describe(job: types.Job) -> str:
    """Return the state of a job in a line: why it waits, its progress, or its outcome."""
    if job.queue:
        start = job.queue.expected_start_s
        expected = f"; it starts in about {start:.0f} s" if start else ""
        return f"{job.queue.position}. in the queue: {job.queue.message}{expected}"
    if job.state == "running":
        return f"{job.progress.fraction:.0%} {job.progress.message}".strip()
    if job.reason:
        return job.reason.message
    return summary(job.result) if job.task == "tagging" and job.result else ""


def follow_job(client: Client, job_id: str, title: str) -> types.Job:
    """Draw a bar until a job has ended. Raises `JobFailedError`."""
    with progress_bars(bytes_=False) as progress:
        bar = progress.add_task(title, total=1.0)

        def update(job: types.Job) -> None:
            text = f"{title}, {describe(job)}" if job.queue else title
            progress.update(bar, description=text, completed=job.progress.fraction)

        return client.jobs.wait(job_id, on_progress=update)


def follow_run(client: Client, run_id: str, title: str) -> types.Run:
    """Draw a bar until a run has ended."""
    with progress_bars(bytes_=False) as progress:
        bar = progress.add_task(title, total=1.0)
        return client.runs.wait(
            run_id, on_progress=lambda run: progress.update(bar, completed=run.progress.fraction)
        )


def print_work(work: types.Job | types.Run) -> None:
    """Print the state of a job, or of a run with its steps."""
    if isinstance(work, types.Job):
        text = describe(work)
        print_line(f"{work.id}  {work.task} {work.state}" + (f": {text}" if text else ""))
        return
    print_line(f"{work.id}  {work.pipeline.name} {work.state}")
    width = max((len(step.name) for step in work.steps), default=0)
    for step in work.steps:
        print_line(f"  {step.name:<{width}}  {_describe_step(work, step)}")


def _describe_step(run: types.Run, step: types.Step) -> str:
    if step.skip_reason or step.states:
        return step.skip_reason or ", ".join(sorted(set(step.states)))
    spec = next((spec for spec in run.pipeline.steps if spec["name"] == step.name), {})
    sources = [source["step"] for key in ("inputs", "side_inputs") for source in spec.get(key, ())]
    unfinished = {other.name for other in run.steps if not other.states or not _ended(other)}
    before = [
        name for name in dict.fromkeys([*sources, *spec.get("after", ())]) if name in unfinished
    ]
    return f"waits for {', '.join(before)}" if before and not run.ended else "not started"


def _ended(step: types.Step) -> bool:
    return bool(step.skip_reason) or all(state in types.TERMINAL for state in step.states)
