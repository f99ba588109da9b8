"""How large a search may be, and its refusals."""

from contracts.problems import FieldProblem, ProblemCode
from contracts.search import MAX_ALTERNATIVES, MAX_TERMS, SearchQuery
from kit.http.errors import ProblemError


def check(query: SearchQuery) -> None:
    """Check that a query has no more words and alternatives than one may have.

    Raises
    ------
    ProblemError
    """
    queries = list(query.with_alternatives())
    if (terms := sum(len(each.terms) for each in queries)) > MAX_TERMS:
        raise refusal(
            "query.q",
            f"A search takes at most {MAX_TERMS} words and phrases; this one has {terms}. Leave "
            "some out.",
        )
    if (alternatives := len(queries) - 1) > MAX_ALTERNATIVES:
        raise refusal(
            "query.q",
            f"A search takes at most {MAX_ALTERNATIVES} alternatives in parentheses; this one has "
            f"{alternatives}. Leave some out, or write those of one field with commas, such as "
            "`class:kick,snare`.",
        )


def refusal(field: str, detail: str) -> ProblemError:
    """Return the refusal of a field of a request."""
    return ProblemError(
        ProblemCode.INVALID_REQUEST, detail, fields=(FieldProblem(field=field, message=detail),)
    )
