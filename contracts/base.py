"""The two kinds of model every message and every body is made of."""

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, StringConstraints

_words: dict[str, str] = {}
PATTERN_MESSAGES: Mapping[str, str] = MappingProxyType(_words)
"""What a text has to look like, in words, by the regular expression that says so."""


def pattern_string(pattern: str, words: str, *, max_length: int | None = None) -> StringConstraints:
    """Return what a text must match, with the words for a text that does not."""
    _words[pattern] = words
    return StringConstraints(pattern=pattern, max_length=max_length)


class Message(BaseModel):
    """What we say: events, results, answers. A reader ignores fields it does not know."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", allow_inf_nan=False, hide_input_in_errors=True
    )


class StrictModel(BaseModel):
    """What we are asked: parameters and request bodies. An unknown field is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )
