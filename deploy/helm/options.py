"""Define the chart's values once, for `values.yaml` and `values.schema.json` alike."""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

Schema = dict[str, Any]
WIDTH = 100


@dataclass(frozen=True, slots=True)
class Option:
    """A value that the user may set."""

    default: Any
    schema: Schema
    text: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A group of values."""

    entries: Mapping[str, "Option | Section"]
    text: str = ""


def text(default: str, description: str = "", *, pattern: str = "") -> Option:
    """Return an option whose value is a text."""
    return Option(
        default, {"type": "string"} | ({"pattern": pattern} if pattern else {}), description
    )


def name(default: str, description: str = "") -> Option:
    """Return an option that names an object of Kubernetes."""
    return text(default, description, pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")


def size(default: str, description: str = "") -> Option:
    """Return an option that is the size of a volume."""
    return text(default, description, pattern=r"^[1-9][0-9]*(Mi|Gi|Ti)$")


def number(
    default: int, description: str = "", *, minimum: int = 1, maximum: int = 1_000
) -> Option:
    """Return an option whose value is a whole number."""
    return Option(default, {"type": "integer", "minimum": minimum, "maximum": maximum}, description)


def port(default: int, description: str = "") -> Option:
    """Return an option that is a TCP port."""
    return number(default, description, maximum=65_535)


def flag(default: bool, description: str = "") -> Option:
    """Return an option that is on or off."""
    return Option(default, {"type": "boolean"}, description)


def choice(default: str, description: str, *others: str) -> Option:
    """Return an option with a few possible values."""
    return Option(default, {"enum": [default, *others]}, description)


def peers(default: list[Any], description: str = "") -> Option:
    """Return an option that is a list of peers of a NetworkPolicy."""
    peer = {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": False,
        "properties": {
            "ipBlock": {
                "type": "object",
                "required": ["cidr"],
                "additionalProperties": False,
                "properties": {
                    "cidr": {"type": "string"},
                    "except": {"type": "array", "items": {"type": "string"}},
                },
            },
            "podSelector": {"type": "object"},
            "namespaceSelector": {"type": "object"},
        },
    }
    # A rule without peers would reach everything.
    return Option(default, {"type": "array", "minItems": 1, "items": peer}, description)


def tolerations(default: list[Any], description: str = "") -> Option:
    """Return an option that is a list of tolerations of a pod."""
    item = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "key": {"type": "string"},
            "operator": {"enum": ["Exists", "Equal"]},
            "value": {"type": "string"},
            "effect": {"enum": ["NoSchedule", "PreferNoSchedule", "NoExecute"]},
            "tolerationSeconds": {"type": "integer"},
        },
    }
    return Option(default, {"type": "array", "items": item}, description)


def labels(default: dict[str, str], description: str = "") -> Option:
    """Return an option that maps labels to their values."""
    return Option(
        default, {"type": "object", "additionalProperties": {"type": "string"}}, description
    )


def schema_of(part: Option | Section) -> Schema:
    """Return the JSON Schema of a value or a group of values."""
    if isinstance(part, Option):
        return part.schema | ({"description": part.text} if part.text else {})
    return {
        "type": "object",
        **({"description": part.text} if part.text else {}),
        "additionalProperties": False,
        "properties": {key: schema_of(entry) for key, entry in part.entries.items()},
    }


def yaml_of(part: Section, depth: int = 0) -> Iterator[str]:
    """Yield the lines of `values.yaml`: every value with its default and its description."""
    spaces = "  " * depth
    for key, entry in part.entries.items():
        if depth == 0:
            yield ""
        for line in textwrap.wrap(entry.text, WIDTH - len(spaces) - 2):
            yield f"{spaces}# {line}"
        if isinstance(entry, Section):
            yield f"{spaces}{key}:"
            yield from yaml_of(entry, depth + 1)
        else:
            dumped = yaml.safe_dump({key: entry.default}, sort_keys=False, width=WIDTH)
            yield from (f"{spaces}{line}" for line in dumped.splitlines())
