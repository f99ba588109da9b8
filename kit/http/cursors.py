"""Cursors of lists: values as text that means nothing to callers."""

import base64
import json
from collections.abc import Sequence
from typing import Any

from contracts.problems import FieldProblem, ProblemCode
from kit.http.errors import ProblemError


def encode_values(values: Sequence[object]) -> str:
    """Return JSON values as the text of a cursor."""
    text = json.dumps(list(values), separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_values(cursor: str) -> Any:
    """Return what the text of a cursor holds: a list, if it was made here.

    Raises
    ------
    ValueError
        It holds no JSON.
    """
    padded = cursor + "=" * (-len(cursor) % 4)
    try:
        return json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def invalid_cursor() -> ProblemError:
    """Return the error for a cursor that no page of the list has given."""
    return ProblemError(
        ProblemCode.INVALID_REQUEST,
        "Invalid cursor. Send `next` of a page of this list, or leave `cursor` out.",
        fields=(FieldProblem(field="query.cursor", message="not a cursor"),),
    )
