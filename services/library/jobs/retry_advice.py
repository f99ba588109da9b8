"""How a failed job may be retried so that it succeeds: with lighter parameters, or as it was."""

from contracts.jobs import JobState, Params, ReasonCode, RetryWith, TaskName
from contracts.tasks import TASKS
from services.library.jobs.tables import JobRow

_AS_IT_WAS = {
    ReasonCode.EXPIRED: "A worker for this task may run now.",
    ReasonCode.EXHAUSTED: "The cause may have passed.",
    ReasonCode.INTERNAL: "The cause may have passed, or a newer version may have removed it.",
    ReasonCode.QUOTA: "There may be room now: delete items that you do not need first.",
    ReasonCode.STORE_FULL: "There may be room now on the server's disk.",
}


def retry_advice(row: JobRow) -> tuple[RetryWith, ...]:
    """Return the ways to retry a failed job that may succeed, the most promising first."""
    if row.state != JobState.FAILED or row.reason_code not in set(ReasonCode):
        return ()
    code, task = ReasonCode(row.reason_code), TASKS.get(TaskName(row.task))
    advice = [
        RetryWith(parameters=changed, why=lighter.why)
        for lighter in (task.lighter if task is not None else ())
        if code in lighter.helps and (changed := lighter.change(row.params))
    ]
    if why := _AS_IT_WAS.get(code):
        advice.append(RetryWith(parameters={}, why=why))
    return tuple(advice)


def is_advised(row: JobRow, params: Params) -> bool:
    """Return whether parameters are those of a crashed job with an advised change."""
    changes = (advice.parameters for advice in retry_advice(row) if advice.parameters)
    return any({**row.params, **change} == params for change in changes)
