"""Somebody else's ids, on every operation that takes one: as if they never were (S8, T19)."""

import json
import re
import secrets
from pathlib import Path
from typing import Any

import httpx
import pytest

from cratedig import Client
from tests.support.running_server import ROOT, RunningServer
from tests.support.sounds import write_tone

pytestmark = pytest.mark.timeout(180)

UNKNOWN = "01920000-0000-7000-8000-000000000000"
OPENAPI = json.loads((ROOT / "contracts" / "schemas" / "openapi.json").read_text("utf-8"))
OWN = {
    *(("get", "/v1/tray/{place}"), ("put", "/v1/tray/{place}")),
    *(("put", "/v1/taught-tags/{tag}"), ("put", "/v1/maps/{name}")),
}
"""Operations on what every account has its own of."""
OPERATIONS = sorted(
    (method, path)
    for path, methods in OPENAPI["paths"].items()
    for method in methods
    if method in ("get", "post", "put", "patch", "delete")
    and "{" in path
    and (method, path) not in OWN
)
ADMINISTRATORS = {
    (method, path)
    for path, methods in OPENAPI["paths"].items()
    for method, operation in methods.items()
    if {"bearer": ["admin"]} in operation.get("security", ())
}
"""Operations that are refused to everybody else, whatever they name."""
BELOW = {"name": "vocals-0.flac", "tag": "vocals-0.flac", "field": "tempo", "version": "1"}
"""Names below what is somebody else's; all others are ids."""
TEACHING: dict[tuple[str, str], dict[str, Any]] = {
    ("patch", "/v1/taught-tags/{tag}"): {"threshold": 0.5},
    ("post", "/v1/taught-tags/{tag}/answers"): {"answers": [{"item": UNKNOWN, "answer": "yes"}]},
    ("post", "/v1/taught-tags/{tag}/proposals/confirm"): {"items": [UNKNOWN]},
}
PIPELINE = {"name": "mine", "steps": [{"name": "midi", "task": "midi"}]}


@pytest.fixture(scope="module")
def theirs(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Ids of everything that one user has, by the name of the path's parameter."""
    user = server.user("owner")
    path = write_tone(tmp_path_factory.mktemp("tone") / "tone.wav", frequency=311.0)
    sent = user.uploads.file(path)
    user.jobs.wait(str(sent.job))
    item = str(sent.item)
    other_tone = write_tone(path.with_name("searched.wav"), frequency=317.0)
    run = user.runs.wait(user.runs.create(item, "midi").id)
    with httpx.Client(base_url=server.url, headers=head(user)) as http:
        assert http.post("/v1/pipelines", json=PIPELINE).status_code == 201
        collection = http.post("/v1/collections", json={"name": "theirs"}).json()["id"]
        http.post(f"/v1/collections/{collection}/items", json={"items": [item]})
        search = http.post("/v1/saved-searches", json={"name": "theirs", "q": "kick"}).json()["id"]
        url = {"provider": "http", "reference": "https://127.0.0.1/theirs.wav"}
        import_id = http.post("/v1/imports", json=url).json()["id"]
        assert http.put(f"/v1/taught-tags/{BELOW['tag']}").status_code == 201
    return {
        "item": item,
        "artifact": next(user.artifacts.list(item)).id,
        "job": next(user.jobs.list(item=item)).id,
        "run": run.id,
        "upload": sent.id,
        "sound": user.query_sounds.create(user.uploads.send(other_tone).id).id,
        "name": "mine",
        "collection": collection,
        "search": search,
        "tag": BELOW["tag"],
        "import_id": import_id,
        "webhook": user.webhooks.create("https://127.0.0.1/theirs").id,
        "key": user.keys.create("theirs", frozenset({"catalogue:read"})).id,
    }


@pytest.fixture(scope="module")
def other(server: RunningServer) -> Client:
    return server.user("other")


def head(user: Client) -> dict[str, str]:
    return {"Authorization": f"Bearer {user.credentials.access_token}"}


def body(method: str, path: str, id_: str) -> dict[str, Any] | None:
    if path.startswith("/v1/taught-tags/"):
        return TEACHING.get((method, path))
    if path.endswith("/device/session"):
        return {"device_code": "unknown"}
    if method == "patch" and path.endswith("/cuts"):
        return {"version": 0, "edits": [{"do": "reset"}]}
    if path.endswith("/replay") and "/webhooks/" in path:
        return {"events": [UNKNOWN]}
    if method == "patch":
        return {"description" if "/webhooks/" in path else "name": "stolen"}
    if (method, path) == ("put", "/v1/pipelines/{name}"):
        return {**PIPELINE, "name": id_}
    if method == "put" and "/shares/" in path:
        return {"role": "editor"}
    if method == "post" and path.startswith("/v1/collections/"):
        return {} if path.endswith("/links") else {"items": [UNKNOWN]}
    return None


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_another_owners_data_is_indistinguishable_from_missing_data(
    server: RunningServer, theirs: dict[str, str], other: Client, method: str, path: str
) -> None:
    known = path
    name, *further = re.findall(r"\{(\w+)\}", path)
    for inside in further:  # A name below what is somebody else's.
        path = path.replace(f"{{{inside}}}", BELOW.get(inside, UNKNOWN))
    never = "never" if name == "name" else UNKNOWN
    answers = []
    with httpx.Client(base_url=server.url, headers=head(other)) as http:
        for id_ in (theirs.get(name, "theirs"), never):
            sent = body(method, path, id_)
            answer = http.request(method, path.replace(f"{{{name}}}", id_), json=sent)
            content = answer.json()
            content.pop("trace")
            answers.append((answer.status_code, content))
    assert answers[0] == answers[1]
    assert answers[0][0] == (403 if (method, known) in ADMINISTRATORS else 404)


def test_a_pipeline_of_the_same_name_is_another_one(
    server: RunningServer, theirs: dict[str, str], other: Client
) -> None:
    mine = {**PIPELINE, "title": "somebody else's"}
    with httpx.Client(base_url=server.url, headers=head(other)) as http:
        assert http.post("/v1/pipelines", json=mine).status_code == 201
        assert http.get("/v1/pipelines/mine").json()["spec"]["title"] == "somebody else's"
        assert http.delete("/v1/pipelines/mine").status_code == 204


@pytest.mark.parametrize("field", ["item", "inputs"])
def test_a_job_cannot_reach_into_anothers_items(
    server: RunningServer, theirs: dict[str, str], other: Client, tmp_path: Path, field: str
) -> None:
    sent = other.uploads.file(
        write_tone(tmp_path / "own.wav", frequency=200 + secrets.randbelow(90))
    )
    other.jobs.wait(str(sent.job))
    own = str(sent.item)
    body = {"item": own, "task": "midi", "inputs": [theirs["artifact"]]}
    if field == "item":
        body = {"item": theirs["item"], "task": "midi"}
    with httpx.Client(base_url=server.url, headers=head(other)) as http:
        answer = http.post("/v1/jobs", json=body)
    assert answer.status_code in (404, 422), answer.text
    assert theirs["item"] not in answer.text


def test_lists_hold_nothing_of_others(
    server: RunningServer, theirs: dict[str, str], other: Client
) -> None:
    with httpx.Client(base_url=server.url, headers=head(other)) as http:
        for path in OPENAPI["paths"]:
            if "{" in path or "get" not in OPENAPI["paths"][path] or path == "/v1/events":
                continue
            answer = http.get(path)
            assert answer.status_code == (403 if ("get", path) in ADMINISTRATORS else 200), path
            assert not [id_ for id_ in theirs.values() if id_ != "mine" and id_ in answer.text]
