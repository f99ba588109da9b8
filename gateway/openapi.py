"""The OpenAPI document of the whole API, merged from those of the gateway and the library."""

import copy
import re
from typing import Any

from contracts.problems import Problem
from gateway.guests import secret_of
from kit.auth.dependencies import ANYONE

Document = dict[str, Any]
"""An OpenAPI document, or a part of one."""

METHODS = ("get", "put", "post", "delete", "patch")
PROBLEM = "application/problem+json"
_REFUSED = {
    "400": "Bad request.",
    "401": "Not authenticated, or the token has expired.",
    "403": "The credential lacks the required scope.",
    "404": "Not found.",
    "405": "This path does not support this method.",
    "409": "Conflict with the current state.",
    "412": "The resource changed: it has another ETag than the one in If-Match.",
    "413": "The body is too large.",
    "422": "A field of the request is missing, malformed or out of range.",
    "429": "Too many requests; retry after the seconds in Retry-After.",
    "500": "Internal error; quote the trace when you report it.",
    "502": "An internal service failed; retry.",
    "503": "Unavailable; retry after the seconds in Retry-After.",
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
    ("post", "/v1/sessions/one-time"): {"code": "Jm2Xw0c2Q5yJ8rT6uKdPAzHp4W1m7V1bS3mXq0c2Q5y"},
    ("post", "/v1/sessions/refresh"): {"refresh_token": "PAzHp4W1m7V1bS3mXq0c2Q5yJ8rT6uKd"},
    ("post", "/v1/sign-in/{provider}/device/session"): {
        "device_code": "Ag_EE4MqP6wQtYfKk3HFwnB8Uu0"
    },
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
    ("patch", "/v1/admin/accounts/{account}"): {"disabled": False, "quota": 50_000_000_000},
    ("post", "/v1/uploads"): {
        "name": "song.wav",
        "size": 31_752_044,
        "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        "kind": "track",
    },
    ("patch", "/v1/items/{item}"): {"name": "A better name"},
    ("post", "/v1/items/edit"): {
        "edits": [{"items": [_ITEM], "add_tags": ["dusty"], "favourite": True, "rating": 4}]
    },
    ("put", "/v1/items/{item}/corrections/{field}"): {"value": 124},
    ("patch", "/v1/items/{item}/cuts"): {
        "version": 0,
        "edits": [{"do": "move", "cut": 3, "start": 44_100}, {"do": "delete", "cut": 7}],
    },
    ("post", "/v1/multitracks"): {
        "name": "Night Drive",
        "parts": [{"item": _ITEM, "stem": "drums"}],
    },
    ("post", "/v1/collections"): {"name": "Kicks", "note": "Nothing above 130 BPM."},
    ("patch", "/v1/collections/{collection}"): {"name": "Kicks", "cover": {"item": _ITEM}},
    ("post", "/v1/collections/{collection}/items"): {"items": [_ITEM]},
    ("post", "/v1/collections/{collection}/items/move"): {"items": [_ITEM]},
    ("post", "/v1/collections/{collection}/items/remove"): {"items": [_ITEM]},
    ("put", "/v1/collections/{collection}/shares/{account}"): {"role": "viewer"},
    ("post", "/v1/collections/{collection}/links"): {"days": 7},
    ("post", "/v1/shared"): {"secret": "link_9Jx2mQ5yJ8rT6uKdPAzHp4W1m7V1bS3mXq0c2Q5yJ8r"},
    ("post", "/v1/imports"): {
        "provider": "archive",
        "reference": "gd1973-06-10",
        "tags": ["field recording"],
    },
    ("put", "/v1/tray/{place}"): {"item": _ITEM, "locked": True},
    ("post", "/v1/saved-searches"): {"name": "Short kicks", "q": "class:kick len:<0.3"},
    ("patch", "/v1/saved-searches/{search}"): {"notify": True},
    ("post", "/v1/waveforms"): {"items": [_ITEM]},
    ("post", "/v1/search/similar"): {
        "like": [{"item": _ITEM, "weight": 1.0}],
        "dials": {"timbre": 1.0, "pitch": 0.5},
        "q": "class:snare len:<0.5",
        "limit": 10,
    },
    ("post", "/v1/query-sounds"): {"upload": _ITEM},
    ("patch", "/v1/taught-tags/{tag}"): {"threshold": 0.8, "applies_to_new": False},
    ("post", "/v1/taught-tags/{tag}/answers"): {"answers": [{"item": _ITEM, "answer": "yes"}]},
    ("post", "/v1/taught-tags/{tag}/proposals/confirm"): {"items": [_ITEM]},
    ("post", "/v1/taught-tags/import"): {
        "format": "cratedig-taught-tag",
        "format_version": 1,
        "name": "dusty",
        "version": 3,
        "threshold": 0.6,
        "models": [
            {"space": "sample", "space_version": "kits-1", "weights": [2.5, -1.25], "bias": -0.5}
        ],
    },
    ("put", "/v1/maps/{name}"): {"collection": None, "seed": 7},
    ("post", "/v1/jobs"): {"item": _ITEM, "task": "midi", "params": {"onset_threshold": 0.5}},
    ("post", "/v1/pipelines"): _PIPELINE,
    ("put", "/v1/pipelines/{name}"): _PIPELINE,
    ("post", "/v1/runs"): {"item": _ITEM, "pipeline": "midi"},
    ("post", "/v1/webhooks"): {
        "url": "https://example.org/cratedig",
        "event_types": ["job.failed", "job.succeeded"],
    },
    ("patch", "/v1/webhooks/{webhook}"): {"event_types": []},
    ("post", "/v1/webhooks/{webhook}/replay"): {"since": "2026-11-30T12:00:00Z"},
}
"""An example body for each operation; a test validates it against the operation's schema."""


def merged_openapi(own: Document, library: Document) -> Document:
    """Merge the OpenAPI documents of the gateway and the library.

    Parameters
    ----------
    own
        The gateway's OpenAPI document.
    library
        The library's document; a schema is renamed if the gateway has another of the same name.
    """
    library = _without_clashes(own, library)
    merged: Document = {
        "openapi": own["openapi"],
        "info": {
            "title": "Cratedig",
            "version": own["info"]["version"],
            "description": "Upload a song and get stems, samples, tags, MIDI, lyrics and analysis. "
            "Every error response is an `application/problem+json` with a `code`.",
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
    """Add the error responses, a summary, a readable id and an example to an operation."""
    responses = operation["responses"]
    for status in [status for status in responses if status >= "400"]:
        del responses[status]
    responses |= {
        status: {"$ref": f"#/components/responses/Refused{status}"} for status in _REFUSED
    }
    if secret_of(path) is not None:
        # The gateway signs a token for whoever has a link.
        operation |= ANYONE
    if description := operation.get("description"):
        operation["summary"] = _first_sentence(description)
    words = re.sub(r"\W+", "_", path.removeprefix("/v1").replace("{", "by_")).strip("_")
    operation["operationId"] = f"{method}_{words}"
    if example := EXAMPLES.get((method, path)):
        for content in operation["requestBody"]["content"].values():
            content["example"] = example


def _first_sentence(text: str) -> str:
    """Return the first sentence of a description, without its full stop."""
    paragraph = " ".join(text.split("\n\n")[0].split())
    return re.split(r"(?<=\w)[.;:](?: |$)", paragraph)[0]


def _problem_schemas() -> Document:
    schema = Problem.model_json_schema(
        mode="serialization", ref_template="#/components/schemas/{model}"
    )
    parts: Document = schema.pop("$defs", {})
    return {"Problem": schema, **parts}


def _without_clashes(own: Document, library: Document) -> Document:
    """Return the library's document; schemas that clash with the gateway's are renamed."""
    mine = own.get("components", {}).get("schemas", {})
    theirs = library.get("components", {}).get("schemas", {})
    clashes = {name for name in theirs if name in mine and mine[name] != theirs[name]}
    if not clashes:
        return library

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: _new_reference(part, clashes) if name == "$ref" else renamed(part)
                for name, part in value.items()
            }
        return [renamed(part) for part in value] if isinstance(value, list) else value

    document: Document = renamed(library)
    schemas = document["components"]["schemas"]
    for name in clashes:
        schemas[f"Library{name}"] = schemas.pop(name)
    return document


def _new_reference(reference: str, clashes: set[str]) -> str:
    head, _, name = reference.rpartition("/")
    return f"{head}/Library{name}" if name in clashes else reference
