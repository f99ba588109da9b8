"""The query filter `subject` of lists and streams, and its short form `item`."""

from typing import Annotated

from fastapi import Depends, Query

from contracts.ids import ItemId
from contracts.problems import FieldProblem, ProblemCode
from contracts.subjects import Subject, SubjectText
from kit.http.errors import ProblemError


def subject_filter(
    item: Annotated[
        ItemId | None, Query(description="The short form of `subject=item:<id>`.")
    ] = None,
    subject: Annotated[
        SubjectText | None,
        Query(description="The subject, as `<kind>:<id>`, such as `collection:0197f3a2-…`."),
    ] = None,
) -> Subject | None:
    """Return the subject to filter by, if any. Raises `ProblemError` if the two forms differ."""
    named = Subject.parse(subject) if subject is not None else None
    short = Subject.of_item(item) if item is not None else None
    if named is not None and short is not None and named != short:
        raise ProblemError(
            ProblemCode.INVALID_REQUEST,
            "`item` and `subject` name different subjects. Send only one of them.",
            fields=(FieldProblem(field="query.subject", message="differs from `item`"),),
        )
    return named or short


SubjectFilter = Annotated[Subject | None, Depends(subject_filter)]
"""Query parameters `subject` and `item` of a route."""
