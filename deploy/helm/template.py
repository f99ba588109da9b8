"""Write Kubernetes documents as Helm templates.

A document is plain data in which marks stand for template text. A mark is a string that no document
holds otherwise: as a value it becomes an expression, as a key or as an item of a list a whole line.
"""

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import yaml

Document = dict[str, Any]
WIDTH = 200


class SourceError(ValueError):
    """The manifests no longer hold what the chart replaces in them."""


class Template:
    """The template file that is being written."""

    def __init__(self) -> None:
        self._marks: dict[str, str] = {}
        self._ends: dict[str, str] = {}
        self._parts: list[str] = []

    def expression(self, text: str) -> str:
        """Return a mark for the value of an expression."""
        return self._mark("value", f"{{{{ {text} }}}}")

    def line(self, text: str) -> str:
        """Return a mark for one or more lines.

        `LEVEL` in them is the number of spaces before the line, `INDENT` two more.
        """
        return self._mark("line", text)

    def items(self, condition: str, *items: Any) -> list[Any]:
        """Return items of a list that are there if a condition holds."""
        end = self.line("{{- end }}")
        self._ends[end] = condition
        return [self.line(f"{{{{- if {condition} }}}}"), *items, end]

    def entries(self, condition: str, entries: Mapping[str, Any]) -> Document:
        """Return entries of a mapping that are there if a condition holds."""
        begin, *_, end = self.items(condition)
        return {begin: None, **entries, end: None}

    def append(self, items: list[Any], condition: str, item: Any) -> None:
        """Append an item that is there if a condition holds, with its neighbour under one `if`."""
        if items and isinstance(items[-1], str) and self._ends.get(items[-1]) == condition:
            items.insert(-1, item)
        else:
            items += self.items(condition, item)

    def block(self, path: str, key: str) -> str:
        """Return a mark for `key` with a value of the user, left out if that is empty."""
        return self.line(
            f"{{{{- with {path} }}}}\n{key}:\n{{{{- toYaml . | nindent INDENT }}}}\n{{{{- end }}}}"
        )

    def add(self, document: Document, *conditions: str) -> None:
        """Append a document, which exists if all conditions hold."""
        document = deepcopy(document)
        metadata = document["metadata"]
        document["metadata"] = {
            "name": metadata.pop("name"),
            "namespace": self.expression(".Release.Namespace"),
            **metadata,
        }
        if document["kind"] == "NetworkPolicy":
            conditions = (*conditions, ".Values.networkPolicies.enabled")
        text = f"---\n{self._text(document)}"
        if conditions:
            joined = conditions[0]
            if len(conditions) > 1:
                joined = "and " + " ".join(
                    each if each.startswith(".") else f"({each})" for each in conditions
                )
            text = f"{{{{- if {joined} }}}}\n{text}{{{{- end }}}}\n"
        self._parts.append(text)

    def render(self, note: str) -> str:
        """Return the file with a comment at its top."""
        return f"{{{{- /* {note} */}}}}\n" + "".join(self._parts)

    def _mark(self, kind: str, text: str) -> str:
        mark = f"mark-{kind}-{len(self._marks):04}"
        self._marks[mark] = text
        return mark

    def _text(self, document: Document) -> str:
        text = yaml.dump(
            document, Dumper=_NoAliases, sort_keys=False, width=WIDTH, allow_unicode=True
        )
        # What other programs expand is no template of Helm.
        text = re.sub(r"\{\{|\}\}", lambda match: f'{{{{ "{match[0]}" }}}}', text)
        lines = []
        for line in text.splitlines():
            if whole := re.fullmatch(r"( *)(?:- )?(mark-line-\d{4})(?:: null)?", line):
                spaces, mark = whole.groups()
                filled = self._marks[mark].replace("INDENT", str(len(spaces) + 2))
                filled = filled.replace("LEVEL", str(len(spaces)))
                lines += [spaces + part for part in filled.splitlines()]
            else:
                lines.append(re.sub(r"mark-value-\d{4}", lambda mark: self._marks[mark[0]], line))
        return "\n".join(lines) + "\n"


class _NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


def replace(document: Any, old: Any, new: Any) -> int:
    """Replace each value that equals `old`, in place; return how many there were."""
    number = 0
    if isinstance(document, dict):
        for key, value in document.items():
            if value == old and type(value) is type(old):
                document[key], number = new, number + 1
            else:
                number += replace(value, old, new)
    elif isinstance(document, list):
        for index, value in enumerate(document):
            if value == old and type(value) is type(old):
                document[index], number = new, number + 1
            else:
                number += replace(value, old, new)
    return number


def substitute(document: Any, old: Any, new: Any) -> None:
    """Replace each value that equals `old`. Raises `SourceError` if there is none."""
    if not replace(document, old, new):
        raise SourceError(f"the manifests hold {old!r} no longer: correct deploy/helm")
