"""Edits of a list of cuts. Pure functions; they take milliseconds for a long list."""

from collections.abc import Collection, Sequence

from contracts.cuts import (
    AddCut,
    Cut,
    CutEdit,
    DeleteCut,
    MergeCuts,
    MoveCut,
    ResetCuts,
    SplitCut,
)
from contracts.ids import ItemId
from contracts.problems import FieldProblem, ProblemCode
from contracts.slicing import SliceKind
from kit.http.errors import ProblemError


def edit_cuts(
    cuts: Sequence[Cut],
    edits: Sequence[CutEdit],
    *,
    machine: Sequence[Cut],
    marked: Collection[ItemId],
) -> tuple[Cut, ...]:
    """Return a list of cuts after edits, in the order of their starts; boundaries are not checked.

    Parameters
    ----------
    machine
        The machine's list, for a reset.
    marked
        Samples that their user marked: a merged cut keeps such a one.

    Raises
    ------
    ProblemError
        An edit names a cut that there is not, or cannot be made.
    """
    known = {cut.number: cut for cut in cuts}
    # A number that was given to a cut is never given to another one of the same list.
    following = max((cut.number for cut in (*cuts, *machine)), default=-1) + 1
    for place, edit in enumerate(edits):
        at = f"body.edits.{place}"
        match edit:
            case MoveCut():
                known[edit.cut] = _moved(_find(known, edit.cut, at), edit)
            case SplitCut():
                cut = _find(known, edit.cut, at)
                known[cut.number], known[following] = _split(cut, edit.at, following, at)
                following += 1
            case MergeCuts():
                _merge(known, edit, marked, at)
            case DeleteCut():
                del known[_find(known, edit.cut, at).number]
            case AddCut():
                known[following] = Cut(
                    number=following,
                    kind=edit.kind,
                    start=edit.start,
                    end=edit.end,
                    bars=edit.bars,
                    bpm=edit.bpm,
                )
                following += 1
            case ResetCuts():
                known = {cut.number: cut for cut in machine}
    return tuple(sorted(known.values(), key=lambda cut: (cut.start, cut.end, cut.number)))


def _find(known: dict[int, Cut], number: int, at: str) -> Cut:
    if number not in known:
        raise _refused(f"there is no cut {number} in this list", at)
    return known[number]


def _moved(cut: Cut, edit: MoveCut) -> Cut:
    start = cut.start if edit.start is None else edit.start
    end = cut.end if edit.end is None else edit.end
    changes: dict[str, object] = {"start": start, "end": end}
    if cut.onset is not None and not start <= cut.onset < end:
        changes["onset"] = None
    if cut.bpm is not None and end > start:
        # A loop of as many beats in another time has another tempo.
        changes["bpm"] = min(1000.0, cut.bpm * (cut.end - cut.start) / (end - start))
    return cut.model_copy(update=changes)


def _split(cut: Cut, at: int, number: int, place: str) -> tuple[Cut, Cut]:
    if not cut.start < at < cut.end:
        text = f"cut {cut.number} lies between samples {cut.start} and {cut.end}; split it there"
        raise _refused(text, f"{place}.at")
    # The parts of a loop are not whole bars.
    none = {"bars": None, "bpm": None}
    onset = cut.onset
    in_first = onset is not None and onset < at
    first = {"end": at, "onset": onset if in_first else None}
    second = {"number": number, "start": at, "sample": None, "onset": None if in_first else onset}
    return cut.model_copy(update=first | none), cut.model_copy(update=second | none)


def _merge(known: dict[int, Cut], edit: MergeCuts, marked: Collection[ItemId], place: str) -> None:
    parts = sorted(
        (_find(known, number, place) for number in dict.fromkeys(edit.cuts)),
        key=lambda cut: (cut.start, cut.end),
    )
    if len(parts) < 2:
        raise _refused("name two different cuts to merge", f"{place}.cuts")
    first = parts[0]
    if len({cut.kind for cut in parts}) > 1:
        raise _refused("one-shots and loops cannot be merged", f"{place}.cuts")
    samples = [cut.sample for cut in parts if cut.sample is not None]
    kept = next((sample for sample in samples if sample in marked), None)
    for cut in parts:
        del known[cut.number]
    known[first.number] = first.model_copy(
        update={
            "end": max(cut.end for cut in parts),
            "strength": max(cut.strength for cut in parts),
            "stored": any(cut.stored for cut in parts),
            "sample": kept or (samples[0] if samples else None),
            "bars": None,
            "bpm": None,
            "onset": first.onset if first.kind is SliceKind.ONE_SHOT else first.start,
        }
    )


def _refused(text: str, field: str) -> ProblemError:
    return ProblemError(
        ProblemCode.INVALID_REQUEST,
        f"{text[0].upper()}{text[1:]}. No edit was made.",
        fields=(FieldProblem(field=field, message=text),),
    )
