"""The client library has every operation of the API, whole: parameters, bodies, answers."""

import ast
import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

import pytest
from pydantic import TypeAdapter

import cratedig
from cratedig import AsyncClient, Client, Credentials, types

PACKAGE = Path(cratedig.__file__).parent
OPENAPI = json.loads(
    (Path(__file__).parents[2] / "contracts/schemas/openapi.json").read_text(encoding="utf-8")
)
BY_THE_CLIENT = frozenset({"cursor", "last-event-id", "if-none-match", "Idempotency-Key", "format"})
"""Parameters that the client sets itself, or does not need; it reads most answers as JSON."""
FOR_BROWSERS = frozenset({"ticket", "X-Cratedig-Client"})
RENAMED = {"limit": "page_size", "for": "collection"}
FROM_CREDENTIALS = frozenset({"refresh_token"})
FREE_FORM = frozenset(
    {
        ("POST", "/v1/pipelines"),
        ("PUT", "/v1/pipelines/{name}"),
        ("POST", "/v1/taught-tags/import"),
    }
)
"""Their body is what the user gives, whole."""
SHARED = frozenset({"__init__", "client", "connection", "polling", "resource"})
"""Modules that are no resource."""
STREAMS = frozenset({("GET", "/v1/events")})
BINARY = frozenset({("GET", "/v1/maps/{name}/points"), ("GET", "/v1/search/descriptors")})
"""Operations whose answer is bytes."""


@dataclass(frozen=True)
class Sent:
    """One construction of an `Operation` in the source."""

    method: str
    path: str
    returns: str
    function: str
    module: str
    idempotent: bool


def sent_by(package: str) -> list[Sent]:
    return [
        operation
        for file in sorted((PACKAGE / package).glob("*.py"))
        for operation in _operations_of(file)
    ]


def _operations_of(file: Path) -> Iterator[Sent]:
    for function in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "Operation":
                method, path, returns = call.args[:3]
                assert isinstance(method, ast.Constant)
                assert isinstance(path, ast.Constant)
                keywords = {word.arg: ast.unparse(word.value) for word in call.keywords}
                yield Sent(
                    str(method.value),
                    str(path.value),
                    ast.unparse(returns),
                    function.name,
                    file.stem,
                    keywords.get("headers") == "idempotency_key()",
                )


def operations() -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, methods in OPENAPI["paths"].items()
        for method, operation in methods.items()
    }


ASYNC = {(sent.method, sent.path): sent for sent in sent_by("_async")}
everywhere = pytest.mark.parametrize("key", sorted(operations()), ids=" ".join)


@pytest.mark.parametrize("package", ["_async", "_sync"])
def test_every_operation_has_one_method(package: str) -> None:
    sent = [(operation.method, operation.path) for operation in sent_by(package)]
    assert sorted(sent) == sorted(operations())


def test_both_clients_have_the_same_resources_and_methods() -> None:
    def surface(client: Client | AsyncClient) -> dict[str, dict[str, list[str]]]:
        return {
            name: {
                method: list(inspect.signature(function).parameters)
                for method, function in inspect.getmembers(resource, callable)
                if not method.startswith("_")
            }
            for name, resource in vars(client).items()
            if not name.startswith("_")
        }

    with Client(Credentials()) as client:
        assert surface(client) == surface(AsyncClient(Credentials()))
    modules = {path.stem for path in (PACKAGE / "_async").glob("*.py")}
    assert set(surface(client)) == modules - SHARED


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with Client(Credentials()) as client:
        yield client


def signature_of(client: Client, sent: Sent) -> set[str]:
    # What refreshes a session is shared, and takes its body from the credentials.
    resource = getattr(client, "sessions" if sent.module == "connection" else sent.module)
    function = getattr(resource, sent.function)
    parameters = dict(inspect.signature(function).parameters)
    named = set(parameters)
    for name, parameter in parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            (changes,) = get_args(get_type_hints(function)[name])
            named |= set(get_type_hints(changes))
    return named


@everywhere
def test_a_method_takes_every_parameter_of_its_operation(
    client: Client, key: tuple[str, str]
) -> None:
    operation, sent = operations()[key], ASYNC[key]
    named = (
        {parameter["name"] for parameter in operation.get("parameters", ())}
        - BY_THE_CLIENT
        - FOR_BROWSERS
    )
    if key not in FREE_FORM:
        content = operation.get("requestBody", {}).get("content", {})
        for body in content.values():
            named |= set(resolve(body["schema"])["properties"]) - FROM_CREDENTIALS
    assert {RENAMED.get(name, name) for name in named} <= signature_of(client, sent)


@everywhere
def test_what_the_api_does_once_is_sent_with_a_key(key: tuple[str, str]) -> None:
    takes = any(
        parameter["name"] == "Idempotency-Key"
        for parameter in operations()[key].get("parameters", ())
    )
    assert ASYNC[key].idempotent == takes


def resolve(schema: Mapping[str, Any], root: Mapping[str, Any] = OPENAPI) -> Mapping[str, Any]:
    """Follow references, and take the part of a union that is not null."""
    while True:
        if "$ref" in schema:
            node: Any = root
            for part in schema["$ref"].removeprefix("#/").split("/"):
                node = node[part]
            schema = node
        elif "anyOf" in schema:
            parts = [part for part in schema["anyOf"] if part != {"type": "null"}]
            if len(parts) != 1:
                return schema
            schema = parts[0]
        else:
            return schema


def missing(
    theirs: Mapping[str, Any], ours: Mapping[str, Any], root: Mapping[str, Any], at: str = ""
) -> list[str]:
    """Return the fields of an answer of the API that the client's type does not have."""
    theirs, ours = resolve(theirs), resolve(ours, root)
    if "items" in theirs and "items" in ours:
        return missing(theirs["items"], ours["items"], root, f"{at}[]")
    if "properties" not in theirs or "properties" not in ours:
        return []
    gaps = []
    for name, schema in theirs["properties"].items():
        if name in ours["properties"]:
            gaps += missing(schema, ours["properties"][name], root, f"{at}.{name}")
        else:
            gaps.append(f"{at}.{name}")
    return gaps


@everywhere
def test_an_answer_has_every_field(key: tuple[str, str]) -> None:
    answers = {
        status: answer["content"]["application/json"]["schema"]
        for status, answer in operations()[key]["responses"].items()
        if status.startswith("2") and "application/json" in answer.get("content", {})
    }
    returns = eval(ASYNC[key].returns, {"types": types, "NoneType": NoneType})
    assert bool(answers) == (returns is not NoneType) or key in STREAMS | BINARY
    for answer in answers.values():
        ours = TypeAdapter(returns).json_schema()
        assert missing(answer, ours, ours) == []
