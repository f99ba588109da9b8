"""Refuse query parameters that an operation does not have: a misspelt filter would match all."""

from collections.abc import Iterator

from fastapi.dependencies.models import Dependant
from pydantic import BaseModel
from starlette.datastructures import QueryParams

from contracts.problems import FieldProblem, ProblemCode
from kit.http.errors import ProblemError


def query_names(dependant: Dependant) -> frozenset[str]:
    """Return the names of the query parameters that an operation and its dependencies read."""
    return frozenset(_names(dependant))


def _names(dependant: Dependant) -> Iterator[str]:
    for field in dependant.query_params:
        annotation = field.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from (info.alias or name for name, info in annotation.model_fields.items())
        else:
            yield field.alias
    for child in dependant.dependencies:
        yield from _names(child)


def refuse_unknown(query: QueryParams, names: frozenset[str]) -> None:
    """Refuse a query with other parameters than these.

    Raises
    ------
    ProblemError
        A parameter has another name; `fields` has each of them.
    """
    unknown = [name for name in dict.fromkeys(query) if name not in names]
    if not unknown:
        return
    known = f"it has {', '.join(sorted(names))}" if names else "it has none"
    raise ProblemError(
        ProblemCode.INVALID_REQUEST,
        f"This operation does not have a query parameter of this name; {known}.",
        fields=[
            FieldProblem(
                field=f"query.{name}"[:200],
                message="unknown parameter; leave it out, or check its spelling",
            )
            for name in unknown[:50]
        ],
    )
