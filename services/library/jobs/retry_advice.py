"""How a failed job may be retried so that it succeeds: with lighter parameters, or as it was."""

from collections.abc import Callable
from dataclasses import dataclass

from contracts.jobs import JobState, Params, ReasonCode, RetryWith, TaskName
from contracts.separation import Weights
from services.library.jobs.tables import JobRow

_TWO_STEMS = frozenset({"vocals", "accompaniment"})
_TOO_HEAVY = frozenset({ReasonCode.CRASH, ReasonCode.EXHAUSTED, ReasonCode.INTERNAL})
_TOO_SLOW = frozenset({ReasonCode.TIMEOUT})
_AS_IT_WAS = {
    ReasonCode.EXPIRED: "A worker for this task may run now.",
    ReasonCode.EXHAUSTED: "The cause may have passed.",
    ReasonCode.INTERNAL: "The cause may have passed, or a newer version may have removed it.",
    ReasonCode.QUOTA: "There may be room now: delete items that you do not need first.",
    ReasonCode.STORE_FULL: "There may be room now on the server's disk.",
}


@dataclass(frozen=True, slots=True)
class _Lighter:
    """A change of a task's parameters that makes its jobs lighter."""

    change: Callable[[Params], Params]
    """Returns what to change; nothing if the parameters are that light already."""
    why: str
    helps: frozenset[ReasonCode]


def _smaller_beam(params: Params) -> Params:
    return {"beam": 1} if params.get("beam", 5) > 1 else {}


def _base_network(params: Params) -> Params:
    return {"weights": "whisper-base"} if params.get("weights") != "whisper-base" else {}


def _one_pass(params: Params) -> Params:
    return {"shifts": 0} if params.get("shifts", 0) > 1 else {}


def _two_stems(params: Params) -> Params:
    other = params.get("weights") != Weights.SPLEETER
    fits = _TWO_STEMS.issuperset(params.get("stems") or ()) and not params.get("without")
    return {"weights": Weights.SPLEETER.value} if other and fits else {}


_LIGHTER: dict[TaskName, tuple[_Lighter, ...]] = {
    TaskName.TRANSCRIBE: (
        _Lighter(
            _base_network,
            "The base network needs less memory and time; it makes more mistakes.",
            _TOO_HEAVY | _TOO_SLOW,
        ),
        _Lighter(
            _smaller_beam,
            "A beam of 1 needs less memory and time; the words are slightly worse.",
            _TOO_HEAVY | _TOO_SLOW,
        ),
    ),
    TaskName.SEPARATION: (
        _Lighter(_one_pass, "One pass takes a fraction of the time.", _TOO_SLOW),
        _Lighter(
            _two_stems,
            "The lighter network needs less memory and time; it makes vocals and accompaniment.",
            _TOO_HEAVY | _TOO_SLOW,
        ),
    ),
}
"""By task; each change names only weights that every worker of the task has."""


def retry_advice(row: JobRow) -> tuple[RetryWith, ...]:
    """Return the ways to retry a failed job that may succeed, the most promising first."""
    if row.state != JobState.FAILED or row.reason_code not in set(ReasonCode):
        return ()
    code = ReasonCode(row.reason_code)
    advice = [
        RetryWith(parameters=changed, why=lighter.why)
        for lighter in _LIGHTER.get(TaskName(row.task), ())
        if code in lighter.helps and (changed := lighter.change(row.params))
    ]
    if why := _AS_IT_WAS.get(code):
        advice.append(RetryWith(parameters={}, why=why))
    return tuple(advice)


def is_advised(row: JobRow, params: Params) -> bool:
    """Return whether parameters are those of a crashed job with an advised change."""
    changes = (advice.parameters for advice in retry_advice(row) if advice.parameters)
    return any({**row.params, **change} == params for change in changes)
