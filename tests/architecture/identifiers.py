"""The identifiers and the public strings of the project's code, and where each stands.

`python -m tests.architecture.identifiers [WORD …]` lists where words of the table are used.
"""

import ast
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

import yaml

from tests.architecture.sources import ROOT, sources
from tests.architecture.words import WORDS, Where, Word

CHECKED = (
    *("benchmarks", "clients", "contracts", "deploy", "embedded", "examples", "gateway", "kit"),
    *("services", "tests", "tools"),
)
INTERNAL = ("benchmarks", "tests", "tools")
"""Folders whose texts no user reads."""
SERVER = ("contracts/", "embedded/", "gateway/", "kit/", "services/")
SCHEMAS = ("openapi.json", "asyncapi.yaml")
DESCRIBING = frozenset({"title", "summary", "description"})
"""Fields of an OpenAPI or AsyncAPI document that people read."""
COMMANDS = "clients/python/cratedig/cli/"
"""Where a command's docstring is its help."""
PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


class Kind(StrEnum):
    """What an identifier names."""

    MODULE = "module"
    CLASS = "class"
    FUNCTION = "function"
    VALUE = "value"
    """A variable, an argument, an attribute or a constant."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """A name, where the project's own code gives it to something."""

    path: str
    scope: str
    name: str
    kind: Kind
    line: int
    parts: tuple[str, ...]
    """The words that it is made of, in lower case."""


@dataclass(frozen=True, slots=True)
class PublicString:
    """A text that a user may read."""

    path: str
    line: int
    text: str


class _Names(ast.NodeVisitor):
    """Collects each name once for each scope that binds it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._scope: list[str] = []
        self.names: dict[tuple[str, str, Kind], Identifier] = {}

    def bind(self, name: str, kind: Kind, line: int) -> None:
        scope = ".".join(self._scope)
        parts = tuple(part.lower() for part in PARTS.findall(name))
        self.names.setdefault(
            (scope, name, kind), Identifier(self._path, scope, name, kind, line, parts)
        )

    def _enter(self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._scope.append(node.name)
        self.generic_visit(node)
        self._scope.pop()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.bind(node.name, Kind.CLASS, node.lineno)
        self._enter(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.bind(node.name, Kind.FUNCTION, node.lineno)
        self._enter(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.bind(node.name, Kind.FUNCTION, node.lineno)
        self._enter(node)

    def visit_arg(self, node: ast.arg) -> None:
        self.bind(node.arg, Kind.VALUE, node.lineno)
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self.bind(node.id, Kind.VALUE, node.lineno)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.ctx, ast.Store):
            self.bind(node.attr, Kind.VALUE, node.lineno)
        self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.bind(node.name, Kind.VALUE, node.lineno)
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        if node.name:
            self.bind(node.name, Kind.VALUE, node.lineno)
        self.generic_visit(node)

    def visit_alias(self, node: ast.alias) -> None:
        if node.asname:
            self.bind(node.asname, Kind.VALUE, node.lineno)


def names_in(text: str, path: str) -> tuple[Identifier, ...]:
    """Return the identifiers that a source file gives, its own module among them."""
    visitor = _Names(path)
    stem = Path(path).stem
    name = Path(path).parent.name if stem == "__init__" else stem
    visitor.bind(name, Kind.MODULE, 1)
    visitor.visit(ast.parse(text))
    return tuple(visitor.names.values())


def strings_in(text: str, path: str) -> Iterator[PublicString]:
    """Yield the sentences of a source file: literals of two words or more, no docstring, no log."""
    tree = ast.parse(text)
    hidden: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            hidden.add(id(node.value))  # A docstring, of an attribute too.
        elif isinstance(node, ast.FunctionDef) and path.startswith(COMMANDS):
            yield from _help_of(node, path)
        elif _is_log(node) or isinstance(node, ast.Assert):
            hidden.update(map(id, ast.walk(node)))
    for node in ast.walk(tree):
        if id(node) in hidden or not isinstance(node, ast.Constant):
            continue
        if isinstance(node.value, str) and " " in node.value.strip():
            yield PublicString(path, node.lineno, node.value)


def _help_of(command: ast.FunctionDef, path: str) -> Iterator[PublicString]:
    text = ast.get_docstring(command)
    if text and not command.name.startswith("_"):
        yield PublicString(path, command.lineno, text)


def _is_log(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in ("log", "logger", "logging")
    )


def described(document: object, path: str) -> Iterator[PublicString]:
    """Yield what people read in an OpenAPI or AsyncAPI document."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key in DESCRIBING and isinstance(value, str):
                yield PublicString(path, 0, value)
            else:
                yield from described(value, path)
    elif isinstance(document, list):
        for value in document:
            yield from described(value, path)


def checked_files() -> list[Path]:
    """Return all code of the project; migrations that have run keep their names."""
    return [
        path
        for path in sources(*CHECKED)
        if "versions" not in path.parts and "node_modules" not in path.parts
    ]


@cache
def identifiers() -> tuple[Identifier, ...]:
    """Return every identifier of the project."""
    return tuple(
        name
        for path in checked_files()
        for name in names_in(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))
    )


@cache
def public_strings() -> tuple[PublicString, ...]:
    """Return every public string of the project."""
    strings = [
        text
        for path in checked_files()
        if path.relative_to(ROOT).parts[0] not in INTERNAL
        for text in strings_in(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))
    ]
    for name in SCHEMAS:
        text = (ROOT / "contracts" / "schemas" / name).read_text(encoding="utf-8")
        document = json.loads(text) if name.endswith("json") else yaml.load(text, yaml.CSafeLoader)
        strings += described(document, f"contracts/schemas/{name}")
    return tuple(strings)


def places(word: Word) -> list[str]:
    """Return where a word of the table is used, as `path:line: text`."""
    if word.where is Where.TEXT:
        # "Dead letter" is the field's term; only other letters are a metaphor.
        phrase = re.compile(rf"(?<!\bdead[ -])\b{re.escape(word.word)}\b", re.IGNORECASE)
        return [
            f"{text.path}:{text.line}: {' '.join(text.text.split())}"
            for text in public_strings()
            if _is_in(text.path, word) and phrase.search(text.text)
        ]
    return [
        f"{name.path}:{name.line}: {name.scope and name.scope + '.'}{name.name}"
        for name in identifiers()
        if _is_in(name.path, word) and _matches(name, word)
    ]


def _is_in(path: str, word: Word) -> bool:
    return not word.only_in or path.startswith(word.only_in)


def _matches(identifier: Identifier, word: Word) -> bool:
    name = identifier.name.strip("_").lower()
    plain = word.word.strip("_")
    match word.where:
        case Where.NAME:
            return name == plain and identifier.kind in (Kind.VALUE, Kind.CLASS)
        case Where.FUNCTION:
            return name == plain and identifier.kind is Kind.FUNCTION
        case Where.MODULE:
            return name == plain and identifier.kind is Kind.MODULE
        case _:
            sought = tuple(plain.split("_"))
            parts = identifier.parts
            if sought in (("letter",), ("letters",)) and "dead" in parts:
                return False
            return any(
                parts[start : start + len(sought)] == sought
                for start in range(len(parts) - len(sought) + 1)
            )


def definitions() -> dict[str, list[str]]:
    """Return where server code defines each public class and type at the top of a module.

    Clients are left out: their types mirror the contracts.
    """
    places_of_names: dict[str, list[str]] = {}
    for known in identifiers():
        is_type = known.kind is Kind.CLASS or (
            known.kind is Kind.VALUE and known.name[0].isupper() and not known.name.isupper()
        )
        is_public = not known.scope and not known.name.startswith("_")
        if is_type and is_public and known.path.startswith(SERVER):
            places_of_names.setdefault(known.name, []).append(f"{known.path}:{known.line}")
    return places_of_names


def main(words: list[str]) -> None:
    """Print how often words are used, and where, if some are named."""
    for word in WORDS:
        if words and word.word not in words:
            continue
        lines = places(word)
        if lines or words:
            print(f"{word.word} ({word.where}): {len(lines)}, write {word.replacement}")
        if words:
            print(*lines, sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
