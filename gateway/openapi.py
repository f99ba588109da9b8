"""One description of the whole API, merged from the gateway's and the library's own."""

import copy
import re
from typing import Any

from contracts.problems import Problem

Document = dict[str, Any]
"""An OpenAPI document, or a part of one."""

METHODS = ("get", "put", "post", "delete", "patch")
PROBLEM = "application/problem+json"
_REFUSED = {
    "400": "The request is not valid.",
    "401": "Not logged in, or the token has ended.",
    "403": "The token lacks the scope.",
    "404": "There is no such thing, or it is not yours.",
    "405": "This address does not take this method.",
    "409": "It does not fit what is there.",
    "413": "The body is too large.",
    "422": "A part of the request is missing, malformed or out of range.",
    "429": "Too many requests; Retry-After says when to come back.",
    "500": "A fault of ours; quote the trace when you report it.",
    "502": "A service behind this one failed; try again.",
    "503": "Not available now; Retry-After says when to come back.",
}
_PIPELINE: Document = {
    "name": "stems-and-notes",
    "title": "Stems, then the notes of the bass",
    "steps": [
        {"name": "stems", "task": "separation"},
        {
            "name": "notes",
            "task": "midi",
            "inputs": [{"step": "stems", "kind": "stem", "stems": ["bass"]}],
        },
    ],
}
_ITEM = "01920000-0000-7000-8000-000000000001"
EXAMPLES: dict[tuple[str, str], Document] = {
    ("post", "/v1/accounts"): {
        "email": "ada@example.org",
        "password": "a long sentence of mine",
        "name": "Ada",
    },
    ("post", "/v1/sessions"): {"email": "ada@example.org", "password": "a long sentence of mine"},
    ("post", "/v1/sessions/refresh"): {"refresh_token": "PAzHp4W1m7V1bS3mXq0c2Q5yJ8rT6uKd"},
    ("put", "/v1/account/password"): {
        "current": "a long sentence of mine",
        "new": "another sentence, longer still",
    },
    ("delete", "/v1/account"): {"password": "a long sentence of mine"},
    ("post", "/v1/keys"): {
        "name": "my notebook",
        "scopes": ["catalogue:read", "jobs:write"],
        "days": 30,
    },
    ("post", "/v1/invitations"): {"note": "Grace, from the choir", "days": 7},
    ("post", "/v1/uploads"): {
        "name": "song.wav",
        "size": 31_752_044,
        "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        "kind": "track",
    },
    ("patch", "/v1/items/{item}"): {"name": "A better name"},
    ("post", "/v1/jobs"): {"item": _ITEM, "task": "midi", "params": {"onset_threshold": 0.5}},
    ("post", "/v1/pipelines"): _PIPELINE,
    ("put", "/v1/pipelines/{name}"): _PIPELINE,
    ("post", "/v1/runs"): {"item": _ITEM, "pipeline": "midi"},
}
"""A body for each operation that takes one, checked by a test against the operation's schema."""


def merged_openapi(own: Document, library: Document) -> Document:
    """Return the description of the whole API.

    Parameters
    ----------
    own
        The gateway's OpenAPI document.
    library
        The library's; its schemas are renamed where the gateway has others of the same name.
    """
    library = _without_clashes(own, library)
    merged: Document = {
        "openapi": own["openapi"],
        "info": {
            "title": "Cratedig",
            "version": own["info"]["version"],
            "description": "Drop a song and get stems, samples, tags, MIDI and analysis. Every "
            "refusal is an `application/problem+json` with a `code`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": {},
        "components": {"schemas": {}, "responses": {}, "securitySchemes": {}},
    }
    for document in (own, library):
        for path, operations in document.get("paths", {}).items():
            merged["paths"].setdefault(path, {}).update(copy.deepcopy(operations))
        for kind, parts in document.get("components", {}).items():
            merged["components"].setdefault(kind, {}).update(copy.deepcopy(parts))
    for path, operations in merged["paths"].items():
        for method in METHODS:
            if method in operations:
                _finish(path, method, operations[method])
    schemas = merged["components"]["schemas"]
    schemas |= _problem_schemas()
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    merged["components"]["responses"] = {
        f"Refused{status}": {
            "description": text,
            "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, text in _REFUSED.items()
    }
    merged["paths"] = dict(sorted(merged["paths"].items()))
    return merged


def _finish(path: str, method: str, operation: Document) -> None:
    """Give an operation its refusals, a plain name and an example."""
    responses = operation["responses"]
    for status in [status for status in responses if status >= "400"]:
        del responses[status]
    responses |= {
        status: {"$ref": f"#/components/responses/Refused{status}"} for status in _REFUSED
    }
    words = re.sub(r"\W+", "_", path.removeprefix("/v1").replace("{", "by_")).strip("_")
    operation["operationId"] = f"{method}_{words}"
    if example := EXAMPLES.get((method, path)):
        for content in operation["requestBody"]["content"].values():
            content["example"] = example


def _problem_schemas() -> Document:
    schema = Problem.model_json_schema(
        mode="serialization", ref_template="#/components/schemas/{model}"
    )
    parts: Document = schema.pop("$defs", {})
    return {"Problem": schema, **parts}


def _without_clashes(own: Document, library: Document) -> Document:
    """Return the library's document with schemas renamed that mean something else here."""
    mine = own.get("components", {}).get("schemas", {})
    theirs = library.get("components", {}).get("schemas", {})
    clashes = {name for name in theirs if name in mine and mine[name] != theirs[name]}
    if not clashes:
        return library

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: _new_reference(one, clashes) if name == "$ref" else renamed(one)
                for name, one in value.items()
            }
        return [renamed(one) for one in value] if isinstance(value, list) else value

    document: Document = renamed(library)
    schemas = document["components"]["schemas"]
    for name in clashes:
        schemas[f"Library{name}"] = schemas.pop(name)
    return document


def _new_reference(reference: str, clashes: set[str]) -> str:
    head, _, name = reference.rpartition("/")
    return f"{head}/Library{name}" if name in clashes else reference
