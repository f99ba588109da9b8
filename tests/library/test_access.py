"""Every operation of the catalogue: nobody's business without the right token (S8, S10, S22)."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from contracts.identity import Principal, Scope
from contracts.jobs import TaskName
from contracts.music import Stem
from services.library.access import Action, may
from services.library.pipelines.tables import PipelineRow
from tests.library.catalogue import (
    ALL,
    UNKNOWN,
    Catalogue,
    open_catalogue,
    separated,
    sha256,
    stems,
)

BODIES: dict[tuple[str, str], Any] = {
    ("post", "/v1/uploads"): {"name": "x", "size": 1, "sha256": sha256(b"x")},
    ("patch", "/v1/items/{item}"): {"name": "mine now"},
    ("post", "/v1/jobs"): {"item": "{item}", "task": "midi"},
    ("post", "/v1/runs"): {"item": "{item}", "pipeline": "midi"},
    ("post", "/v1/pipelines"): {"name": "another", "steps": [{"name": "m", "task": "midi"}]},
    ("post", "/v1/items/edit"): {"edits": [{"items": [UNKNOWN], "rating": 1}]},
    ("post", "/v1/collections"): {"name": "another"},
    ("put", "/v1/items/{item}/corrections/{field}"): {"value": 124},
    ("patch", "/v1/items/{item}/cuts"): {"version": 0, "edits": [{"do": "reset"}]},
    ("post", "/v1/multitracks"): {"name": "x", "parts": [{"item": UNKNOWN, "stem": "bass"}]},
    ("patch", "/v1/collections/{collection}"): {"name": "mine now"},
    ("post", "/v1/collections/{collection}/items"): {"items": [UNKNOWN]},
    ("post", "/v1/collections/{collection}/items/move"): {"items": [UNKNOWN]},
    ("post", "/v1/collections/{collection}/items/remove"): {"items": [UNKNOWN]},
    ("post", "/v1/collections/{collection}/links"): {"days": 1},
    ("put", "/v1/collections/{collection}/shares/{account}"): {"role": "editor"},
    ("post", "/v1/saved-searches"): {"name": "another", "q": "kick"},
    ("patch", "/v1/saved-searches/{search}"): {"name": "mine now"},
    ("post", "/v1/shared"): {"secret": "unknown " * 4},
    ("put", "/v1/tray/{place}"): {"item": None},
    ("post", "/v1/search/similar"): {"like": [{"item": UNKNOWN}]},
    ("post", "/v1/query-sounds"): {"upload": UNKNOWN},
    ("patch", "/v1/taught-tags/{tag}"): {"threshold": 0.5},
    ("post", "/v1/taught-tags/{tag}/answers"): {"answers": [{"item": UNKNOWN, "answer": "no"}]},
    ("post", "/v1/taught-tags/{tag}/proposals/confirm"): {"items": [UNKNOWN]},
    ("post", "/v1/taught-tags/import"): {
        "name": "dusty",
        "version": 1,
        "threshold": 0.5,
        "models": [{"space": "sample", "space_version": "1", "weights": [1.0], "bias": 0.0}],
    },
    ("post", "/v1/webhooks"): {"url": "https://example.org/hook"},
    ("patch", "/v1/webhooks/{webhook}"): {"description": "mine now"},
    ("post", "/v1/webhooks/{webhook}/replay"): {"events": [UNKNOWN]},
    ("put", "/v1/pipelines/{name}"): {"name": "mine", "steps": [{"name": "m", "task": "midi"}]},
}
NOW = "2026-01-01T00:00:00+00:00"
FORGED = [
    "W10",
    "x",
    *(
        base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
        for value in (
            ["0001-01-01T00:00:00+14:00", "x"],
            ["9999-12-31T23:59:59-14:00", "x"],
            ["2026-01-01T00:00:00", "x"],
            ["2026-01-01T00:00:00+00:00", "\ud800"],
            ["2026-01-01T00:00:00+00:00", "\x00"],
            ["2026-01-01T00:00:00+00:00", 7],
            [10**400, "x"],
            {"a": 1},
        )
    ),
]
NOT_OF_ONE = {
    *("/v1/uploads", "/v1/pipelines", "/v1/items", "/v1/jobs", "/v1/runs", "/v1/tags"),
    *("/v1/duplicates", "/v1/taught-tags", "/v1/saved-searches", "/v1/hidden"),
    *("/v1/recommendations", "/v1/webhooks"),
}
IMPORT = {"provider": "http", "reference": "https://example.org/a.wav"}
OWN_PUTS = {
    *("/v1/pipelines/{name}", "/v1/tray/{place}"),
    *("/v1/taught-tags/{tag}", "/v1/maps/{name}"),
}
"""PUTs whose path names nothing that another owner could have."""


@pytest.fixture
async def sqlite(tmp_path: Path) -> Any:
    async with open_catalogue(f"sqlite+aiosqlite:///{tmp_path}/library.db", tmp_path) as opened:
        yield opened


def operations(app: FastAPI) -> Iterator[tuple[str, str, Any]]:
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


async def everything(catalogue: Catalogue) -> tuple[str, dict[str, str]]:
    """Make one of each thing; return its owner and their ids by the names in paths."""
    user = catalogue.user()
    upload = await user.upload(b"a song" * 500)
    await catalogue.ingest_next()
    item = upload["item"]
    await user.post("/jobs", {"item": item, "task": "separation"})
    claim = await catalogue.claim(TaskName.SEPARATION)
    await catalogue.finish(claim, separated(), stems(Stem.BASS))
    artifacts = (await user.get(f"/items/{item}/artifacts"))["items"]
    job = await user.post("/jobs", {"item": item, "task": "midi"})
    run = await user.post("/runs", {"item": item, "pipeline": "stems"})
    await user.post("/pipelines", {"name": "mine", "steps": [{"name": "m", "task": "midi"}]})
    await user.http.put(f"/v1/items/{item}/tags/dusty")
    await user.http.put("/v1/taught-tags/dusty")
    collection = (await user.post("/collections", {"name": "mine"}))["id"]
    await user.post(f"/collections/{collection}/items", {"items": [item]})
    link = await user.post(f"/collections/{collection}/links", {})
    search = (await user.post("/saved-searches", {"name": "mine", "q": "kick"}))["id"]
    import_ = await user.post("/imports", IMPORT)
    webhook = await user.post("/webhooks", {"url": "https://example.org/hook"})
    searched = await user.open(b"a sound" * 500)
    await user.send(searched, b"a sound" * 500)
    sound = await user.post("/query-sounds", {"upload": searched["id"]})
    return user.owner, {
        "upload": upload["id"],
        "sound": sound["id"],
        "item": item,
        "artifact": artifacts[0]["id"],
        "job": job["id"],
        "run": run["id"],
        "name": "mine",
        "tag": "dusty",
        "collection": collection,
        "search": search,
        "link": link["id"],
        "secret": link["secret"],
        "account": user.owner,
        "place": "1",
        "field": "tempo",
        "version": "1",
        "dead_letter": "0-0",
        "import_id": import_["id"],
        "webhook": webhook["id"],
    }


def filled(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, str):
        return value.format(**ids)
    if isinstance(value, dict):
        return {k: filled(v, ids) if k == "item" else v for k, v in value.items()}
    return value


async def ask(client: Any, method: str, path: str, ids: dict[str, str]) -> Any:
    body = filled(BODIES.get((method, path)), ids)
    return await client.request(method, path.format(**ids), json=body)


async def test_nobody_is_answered_without_a_token(sqlite: Catalogue) -> None:
    _, ids = await everything(sqlite)
    for client in (sqlite.client(), sqlite.client("made-up")):
        for method, path, _ in operations(sqlite.app):
            answer = await ask(client, method, path, ids)
            assert answer.status_code == 401, f"{method} {path}"
            assert answer.headers["content-type"] == "application/problem+json"


async def test_every_operation_names_its_scope_and_keeps_to_it(sqlite: Catalogue) -> None:
    owner, ids = await everything(sqlite)
    for method, path, operation in operations(sqlite.app):
        ((scope,),) = (tuple(requirement["bearer"]) for requirement in operation["security"])
        others = (ALL | {Scope.ACCOUNT, Scope.ADMIN}) - {Scope(scope)}
        user = sqlite.user(scopes=others, owner=owner)
        answer = await ask(user.http, method, path, ids)
        assert answer.status_code == 403, f"{method} {path}"
        assert scope in answer.json()["detail"]


async def test_another_owners_data_is_treated_like_missing_data(catalogue: Catalogue) -> None:
    owner, ids = await everything(catalogue)
    stranger = catalogue.user()
    nothing = dict.fromkeys(ids, UNKNOWN) | {"name": "unknown"}
    nothing |= {"field": "tempo", "version": "1"}
    tried = 0
    for method, path, _ in operations(catalogue.app):
        if "{" not in path and (method, path) not in (("post", "/v1/jobs"), ("post", "/v1/runs")):
            continue
        if method == "put" and path in OWN_PUTS:
            continue
        if path.startswith("/v1/admin/"):
            continue  # For administrators, to whom nothing there is foreign.
        foreign = await ask(stranger.http, method, path, ids)
        unknown = await ask(stranger.http, method, path, nothing)
        assert foreign.status_code == unknown.status_code == 404, f"{method} {path}"
        foreign_problem, unknown_problem = foreign.json(), unknown.json()
        assert {**foreign_problem, "trace": ""} == {**unknown_problem, "trace": ""}
        tried += 1
    assert tried >= 30
    put = {"name": "mine", "steps": [{"name": "m", "task": "midi"}]}
    assert (await stranger.http.put("/v1/pipelines/mine", json=put)).status_code == 404
    for path in NOT_OF_ONE - {"/v1/uploads"}:
        entries = (await stranger.get(path.removeprefix("/v1")))["items"]
        assert all(entry.get("builtin") for entry in entries), path
    for query in ({"parent": ids["item"]}, {"q": "song"}):
        assert (await stranger.get("/items", **query))["items"] == []
    for query in ({"item": ids["item"]}, {"run": ids["run"]}):
        assert (await stranger.get("/jobs", **query))["items"] == []
    assert (await stranger.get("/feed", after="start"))["items"] == []
    # And it is all still there for whose it is.
    mine = catalogue.user(owner=owner)
    assert (await mine.get(f"/items/{ids['item']}"))["state"] == "ready"
    assert (await mine.get(f"/jobs/{ids['job']}"))["state"] == "queued"


async def test_no_page_of_a_list_has_more_than_200_entries(sqlite: Catalogue) -> None:
    user = sqlite.user()
    ids = {"item": UNKNOWN, "job": UNKNOWN, "collection": "favourites", "tag": "dusty"}
    ids |= {"import_id": (await user.post("/imports", IMPORT))["id"], "field": "tempo"}
    ids |= {"webhook": (await user.post("/webhooks", {"url": "https://example.org/"}))["id"]}
    shared = (await user.post("/collections", {"name": "shared"}))["id"]
    link = await user.post(f"/collections/{shared}/links", {"access": "listen"})
    ids["secret"] = link["secret"]
    await user.http.put("/v1/taught-tags/dusty")
    late, early = [0, 1 << 70, NOW], [0, 1, "0001-01-01T00:00:00+14:00"]
    values: tuple[object, ...] = (late, early, [True, 0, NOW], [1], {})
    for value in values:
        forged = base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
        answer = await user.http.get("/v1/feed", params={"after": forged})
        assert answer.status_code in (410, 422), value
    for method, path, operation in operations(sqlite.app):
        names = {p["name"]: p["schema"] for p in operation.get("parameters", ())}
        if method != "get" or "limit" not in names:
            continue
        assert names["limit"]["maximum"] == 200
        for wrong in ({"limit": 201}, {"limit": 0}, {"limit": 10**40}):
            answer = await user.http.get(path.format(**ids), params=wrong)
            assert answer.status_code == 422, path
        if "cursor" in names:
            for cursor in FORGED:
                answer = await user.http.get(path.format(**ids), params={"cursor": cursor})
                assert answer.status_code == 422, (path, cursor)


@pytest.mark.parametrize("id_", ["x", "0" * 36, "..", "%00", "%ed%a0%80", "1" * 5000])
async def test_a_malformed_id_is_no_server_error(sqlite: Catalogue, id_: str) -> None:
    user = sqlite.user()
    for noun in ("items", "artifacts", "jobs", "runs", "uploads", "pipelines", "collections"):
        answer = await user.http.get(f"/v1/{noun}/{id_}")
        assert answer.status_code in (404, 422, 405), f"{noun} {answer.status_code}"


@pytest.mark.parametrize("key", ["", "with space", "x" * 129, "é"])
async def test_an_idempotency_key_is_visible_ascii(sqlite: Catalogue, key: str) -> None:
    user = sqlite.user()
    body = {"name": "p", "steps": [{"name": "m", "task": "midi"}]}
    answer = await user.http.post(
        "/v1/pipelines", json=body, headers=[(b"Idempotency-Key", key.encode())]
    )
    assert answer.status_code == 422


def test_only_the_owner_with_the_scope_may() -> None:
    now = datetime.now(UTC)
    row = PipelineRow(id="p", owner=UNKNOWN, name="n", spec={}, created=now, updated=now)

    def who(owner: str, *scopes: Scope) -> Principal:
        return Principal(user=owner, owner=owner, scopes=frozenset(scopes), token="t", expires=now)

    assert may(who(UNKNOWN, Scope.READ), Action.READ, row)
    assert not may(who(UNKNOWN, Scope.READ), Action.WRITE, row)
    assert not may(who(UNKNOWN, Scope.READ, Scope.WRITE), Action.RUN, row)
    assert not may(who(UNKNOWN.replace("9", "8"), *Scope), Action.READ, row)
