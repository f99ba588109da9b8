"""Taught tags as the API shows them."""

from collections.abc import Mapping, Sequence

from contracts.teaching import (
    NEEDED_EXAMPLES,
    TagAnswer,
    TagScore,
    TaughtTag,
    TaughtTagState,
    TaughtTagVersion,
)
from services.library.teaching.proposals import Overview
from services.library.teaching.tables import TaughtTagRow, TaughtTagVersionRow


def taught_tag_to_api(
    row: TaughtTagRow,
    versions: Sequence[TaughtTagVersionRow],
    *,
    answers: Mapping[tuple[str, str], int],
    examples: int,
    overview: Overview | None,
    with_histogram: bool,
) -> TaughtTag:
    """Return a taught tag as the API shows it.

    Parameters
    ----------
    versions
        The newest first.
    answers
        How many there are, by tag and answer.
    examples
        Yes-answers in the space where it has most.
    overview
        What the version in use says of the crate, if there is one.
    """
    in_use = next((version for version in versions if version.number == row.version), None)
    threshold = row.threshold
    if threshold is None and in_use is not None:
        threshold = in_use.threshold
    return TaughtTag(
        name=row.name,
        state=TaughtTagState.READY if in_use else TaughtTagState.NEEDS_EXAMPLES,
        yes=answers.get((row.id, TagAnswer.YES), 0),
        no=answers.get((row.id, TagAnswer.NO), 0),
        needed=max(0, NEEDED_EXAMPLES - examples),
        threshold=threshold if in_use else None,
        threshold_chosen=row.threshold is not None,
        proposed=overview.proposed if overview else 0,
        applies_to_new=row.applies_until is None,
        version=row.version,
        versions=tuple(map(_version_to_api, versions)),
        histogram=overview.histogram if overview and with_histogram else None,
    )


def _version_to_api(row: TaughtTagVersionRow) -> TaughtTagVersion:
    return TaughtTagVersion(
        number=row.number,
        created_at=row.created,
        yes=row.yes,
        no=row.no,
        threshold=row.threshold,
        score=TagScore(**row.score) if row.score else None,
    )
