"""The base models: `Message` for what the system sends, `StrictModel` for what it receives."""

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, StringConstraints

_words: dict[str, str] = {}
PATTERN_MESSAGES: Mapping[str, str] = MappingProxyType(_words)
"""A description in words of each regular expression that validates a string."""


def pattern_string(pattern: str, words: str, *, max_length: int | None = None) -> StringConstraints:
    """Return the constraint for a string, with the message for one that does not match."""
    _words[pattern] = words
    return StringConstraints(pattern=pattern, max_length=max_length)


# `use_attribute_docstrings` makes the docstring of a field its description in the OpenAPI document
# and in the JSON Schemas of parameters, results and events. Pydantic reads the source files for it
# at import, which costs 3 % of the processor time of a server's start and 6 % of a child's.


class Message(BaseModel):
    """Base of events, results and responses. A reader ignores unknown fields."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        allow_inf_nan=False,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )


class StrictModel(BaseModel):
    """Base of parameters and request bodies. An unknown field is an error."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )
