"""Every operation of the API as a value: what to send and how to read the answer.

The sync and the async client send the same calls; neither knows a path.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import uuid4

from pydantic import TypeAdapter

from cratedig import types

T = TypeVar("T")
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request; `answer` reads the body of a success."""

    method: str
    path: str
    answer: TypeAdapter[T]
    body: Json | None = None
    query: Mapping[str, str | int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    anonymous: bool = False

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does no more than sending it once."""
        return self.method in ("GET", "PUT", "DELETE") or "Idempotency-Key" in self.headers


_NOTHING: TypeAdapter[None] = TypeAdapter(None)


def _of(type_: type[T]) -> TypeAdapter[T]:
    return TypeAdapter(type_)


def _given(values: Mapping[str, str | int | None]) -> dict[str, str | int]:
    return {name: value for name, value in values.items() if value is not None}


def _once() -> dict[str, str]:
    return {"Idempotency-Key": uuid4().hex}


def signup(email: str, password: str, name: str, invitation: str) -> Call[types.Account]:
    """Open an account."""
    body = {"email": email, "password": password, "name": name, "invitation": invitation}
    return Call("POST", "/v1/accounts", _of(types.Account), body, anonymous=True)


def login(email: str, password: str) -> Call[types.Session]:
    """Log in."""
    body = {"email": email, "password": password}
    return Call("POST", "/v1/sessions", _of(types.Session), body, anonymous=True)


def refresh(token: str) -> Call[types.Session]:
    """Trade a refresh token for a new session."""
    body = {"refresh_token": token}
    return Call("POST", "/v1/sessions/refresh", _of(types.Session), body, anonymous=True)


def logout() -> Call[None]:
    """End the session."""
    return Call("DELETE", "/v1/sessions", _NOTHING)


def account() -> Call[types.Account]:
    """Show the account."""
    return Call("GET", "/v1/account", _of(types.Account))


def make_key(name: str, scopes: frozenset[str], days: int) -> Call[types.ApiKey]:
    """Make an API key."""
    body = {"name": name, "scopes": sorted(scopes), "days": days}
    return Call("POST", "/v1/keys", _of(types.ApiKey), body)


def make_invitation(note: str, days: int) -> Call[types.Invitation]:
    """Invite somebody to open an account."""
    body = {"note": note, "days": days}
    return Call("POST", "/v1/invitations", _of(types.Invitation), body)


def create_upload(
    name: str,
    size: int,
    sha256: str,
    kind: str | None,
    stem: str | None,
    metadata: Mapping[str, str],
) -> Call[types.Upload]:
    """Announce a file."""
    body: dict[str, Any] = {"name": name, "size": size, "sha256": sha256}
    if kind is not None:
        body["kind"] = kind
    if stem is not None:
        body["stem"] = stem
    if metadata:
        body["metadata"] = dict(metadata)
    return Call("POST", "/v1/uploads", _of(types.Upload), body, headers=_once())


def upload(upload_id: str) -> Call[types.Upload]:
    """Show what of an upload arrived and where the rest goes."""
    return Call("GET", f"/v1/uploads/{upload_id}", _of(types.Upload))


def complete_upload(upload_id: str) -> Call[types.Upload]:
    """Say that every part was sent."""
    return Call("POST", f"/v1/uploads/{upload_id}/complete", _of(types.Upload), headers=_once())


def items(
    q: str | None,
    kind: str | None,
    state: str | None,
    parent: str | None,
    roots: bool | None,
    page: str | None,
) -> Call[types.Page[types.Item]]:
    """List items."""
    given = {"q": q, "kind": kind, "state": state, "parent": parent, "cursor": page}
    query = _given({**given, "roots": None if roots is None else str(roots).lower()})
    return Call("GET", "/v1/items", _of(types.Page[types.Item]), query=query)


def item(item_id: str) -> Call[types.Item]:
    """Show an item."""
    return Call("GET", f"/v1/items/{item_id}", _of(types.Item))


def edit_item(item_id: str, changes: Json) -> Call[types.Item]:
    """Change an item's name, kind, stem, tempo or metadata."""
    return Call("PATCH", f"/v1/items/{item_id}", _of(types.Item), changes)


def delete_item(item_id: str) -> Call[None]:
    """Delete an item with all that was made of it."""
    return Call("DELETE", f"/v1/items/{item_id}", _NOTHING)


def artifacts(item_id: str, page: str | None) -> Call[types.Page[types.Artifact]]:
    """List an item's files."""
    path = f"/v1/items/{item_id}/artifacts"
    return Call("GET", path, _of(types.Page[types.Artifact]), query=_given({"cursor": page}))


def artifact(artifact_id: str) -> Call[types.Artifact]:
    """Show a file's facts."""
    return Call("GET", f"/v1/artifacts/{artifact_id}", _of(types.Artifact))


def preview(job_id: str, name: str) -> Call[types.Download]:
    """Ask for a signed address of a part that can be heard while its job runs."""
    return Call("GET", f"/v1/jobs/{job_id}/previews/{name}", _of(types.Download))


def download(artifact_id: str) -> Call[types.Download]:
    """Ask for a signed address of a file."""
    return Call("GET", f"/v1/artifacts/{artifact_id}/download", _of(types.Download))


def create_job(
    item_id: str, task: str, params: Json, inputs: tuple[str, ...], priority: str, force: bool
) -> Call[types.Job]:
    """Ask for a task over an item."""
    body = {
        "item": item_id,
        "task": task,
        "params": dict(params),
        "inputs": list(inputs),
        "priority": priority,
        "force": force,
    }
    return Call("POST", "/v1/jobs", _of(types.Job), body, headers=_once())


def jobs(
    item_id: str | None, state: str | None, run_id: str | None, page: str | None
) -> Call[types.Page[types.Job]]:
    """List jobs."""
    query = _given({"item": item_id, "state": state, "run": run_id, "cursor": page})
    return Call("GET", "/v1/jobs", _of(types.Page[types.Job]), query=query)


def job(job_id: str) -> Call[types.Job]:
    """Show a job."""
    return Call("GET", f"/v1/jobs/{job_id}", _of(types.Job))


def cancel_job(job_id: str) -> Call[types.Job]:
    """Stop a job."""
    return Call("POST", f"/v1/jobs/{job_id}/cancel", _of(types.Job), headers=_once())


def tasks(page: str | None) -> Call[types.Page[types.Task]]:
    """List the kinds of work."""
    path = "/v1/tasks"
    return Call("GET", path, _of(types.Page[types.Task]), query=_given({"cursor": page}))


def pipelines(page: str | None) -> Call[types.Page[types.Pipeline]]:
    """List pipelines."""
    path = "/v1/pipelines"
    return Call("GET", path, _of(types.Page[types.Pipeline]), query=_given({"cursor": page}))


def create_run(
    item_id: str,
    pipeline: str | Json,
    params: Mapping[str, Json],
    priority: str,
    force: bool,
) -> Call[types.Run]:
    """Run a pipeline, by name or given in full, over an item."""
    given = pipeline if isinstance(pipeline, str) else dict(pipeline)
    body = {
        "item": item_id,
        "pipeline": given,
        "params": {step: dict(values) for step, values in params.items()},
        "priority": priority,
        "force": force,
    }
    return Call("POST", "/v1/runs", _of(types.Run), body, headers=_once())


def run(run_id: str) -> Call[types.Run]:
    """Show a run."""
    return Call("GET", f"/v1/runs/{run_id}", _of(types.Run))


def cancel_run(run_id: str) -> Call[types.Run]:
    """Stop a run and its jobs."""
    return Call("POST", f"/v1/runs/{run_id}/cancel", _of(types.Run), headers=_once())


def events(item_id: str | None, job_id: str | None, run_id: str | None, after: str) -> Call[None]:
    """Follow what happens; the answer is a stream of server-sent events."""
    query = _given({"item": item_id, "job": job_id, "run": run_id})
    headers = {"Last-Event-ID": after} if after else {}
    return Call("GET", "/v1/events", _NOTHING, query=query, headers=headers)


def read(call: Call[T], content: bytes) -> T:
    """Return a call's answer from the body of a success."""
    if call.answer is _NOTHING:
        return call.answer.validate_python(None)
    return call.answer.validate_json(content)
