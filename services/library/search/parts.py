"""Split a text in the query language into parts, and groups in parentheses into alternatives."""

import re
from typing import NamedTuple

MAX_GROUP_DEPTH = 4
"""Levels of groups within each other; a parenthesis further inside begins a word."""
OR = "or"
"""What separates the alternatives of a group."""
_PART = re.compile(r'-?(?:[A-Za-z]+:(?:"[^"]*"?|[^\s"]+)*|"[^"]*"?|[^\s"]+)')
_OPENING = re.compile(r"-?\(")
_SPACE = re.compile(r"\s*")


class QueryPart(NamedTuple):
    """A word, a field or a group, as it is written."""

    text: str
    start: int
    """Position of its first character."""
    end: int
    """Position after its last character."""
    alternatives: tuple[tuple["QueryPart", ...], ...] | None = None
    """Of a group the parts of each alternative; `None` if it is no group."""

    @property
    def negated(self) -> bool:
        """Whether it begins with a minus sign."""
        return self.text.startswith("-")


def split_parts(text: str) -> tuple[QueryPart, ...]:
    """Return the parts of a text in order; between them is white space only.

    A group that is not closed ends with the text.
    """
    ((*parts,), *_), _ = _scan(text, 0, depth=0)
    return tuple(parts)


def _scan(text: str, at: int, *, depth: int) -> tuple[list[list[QueryPart]], int]:
    """Return the alternatives from a position on, and the position after their end."""
    alternatives: list[list[QueryPart]] = [[]]
    while True:
        at = _end(_SPACE.match(text, at))
        if at >= len(text):
            return alternatives, at
        if depth and text[at] == ")":
            return alternatives, at + 1
        opening = _OPENING.match(text, at) if depth < MAX_GROUP_DEPTH else None
        if opening is not None:
            inner, end = _scan(text, opening.end(), depth=depth + 1)
            group = QueryPart(text[at:end], at, end, tuple(map(tuple, inner)))
            alternatives[-1].append(group)
        else:
            end = _end(_PART.match(text, at))
            if depth:
                end = _before_closing(text, at, end)
            if depth and text[at:end].lower() == OR:
                alternatives.append([])
            else:
                alternatives[-1].append(QueryPart(text[at:end], at, end))
        at = end


def _before_closing(text: str, start: int, end: int) -> int:
    """Return where a part of a group ends: before the parenthesis that closes the group, if any."""
    opened, is_quoted = 0, False
    for place in range(start, end):
        character = text[place]
        if character == '"':
            is_quoted = not is_quoted
        elif is_quoted:
            continue
        elif character == "(":
            opened += 1
        elif character == ")":
            if not opened:
                return place
            opened -= 1
    return end


def _end(match: re.Match[str] | None) -> int:
    assert match is not None, "every character that is no white space begins a part"
    return match.end()
