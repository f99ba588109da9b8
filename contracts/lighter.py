"""Changes of parameters that make a task's jobs lighter, for jobs that were too heavy or slow."""

from collections.abc import Callable
from dataclasses import dataclass

from contracts.jobs import Params, ReasonCode
from contracts.separation import Weights

_TOO_HEAVY = frozenset({ReasonCode.CRASH, ReasonCode.EXHAUSTED, ReasonCode.INTERNAL})
_TOO_SLOW = frozenset({ReasonCode.TIMEOUT})
_TWO_STEMS = frozenset({"vocals", "accompaniment"})


@dataclass(frozen=True, slots=True)
class Lighter:
    """A change of parameters. It names only weights that every worker of the task has."""

    change: Callable[[Params], Params]
    """Returns what to change; nothing if the parameters are that light already."""
    why: str
    """Why that may help, as a sentence."""
    helps: frozenset[ReasonCode]
    """Failures after which it may help."""


def _smaller_beam(params: Params) -> Params:
    return {"beam": 1} if params.get("beam", 5) > 1 else {}


def _base_network(params: Params) -> Params:
    return {"weights": "whisper-base"} if params.get("weights") != "whisper-base" else {}


def _single_pass(params: Params) -> Params:
    return {"shifts": 0} if params.get("shifts", 0) > 1 else {}


def _two_stems(params: Params) -> Params:
    other = params.get("weights") != Weights.SPLEETER
    fits = _TWO_STEMS.issuperset(params.get("stems") or ()) and not params.get("without")
    return {"weights": Weights.SPLEETER.value} if other and fits else {}


LIGHTER_TRANSCRIBE = (
    Lighter(
        _base_network,
        "The base network needs less memory and time; it makes more mistakes.",
        _TOO_HEAVY | _TOO_SLOW,
    ),
    Lighter(
        _smaller_beam,
        "A beam of 1 needs less memory and time; the words are slightly worse.",
        _TOO_HEAVY | _TOO_SLOW,
    ),
)
LIGHTER_SEPARATION = (
    Lighter(_single_pass, "One pass takes a fraction of the time.", _TOO_SLOW),
    Lighter(
        _two_stems,
        "The lighter network needs less memory and time; it makes vocals and accompaniment.",
        _TOO_HEAVY | _TOO_SLOW,
    ),
)
