"""What both clients do around operations: retries, refreshed sessions, errors, pages, waiting."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from cratedig import (
    APIConnectionError,
    APIStatusError,
    AsyncClient,
    AuthenticationError,
    Client,
    ConflictError,
    CratedigError,
    Credentials,
    DownloadCorruptError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    UnavailableError,
    WaitTimeoutError,
)
from cratedig.types import Artifact, Subject

URL = "https://server.example"
SESSION = Credentials(URL, access_token="old", refresh_token="refresh-1")
NOW = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
USAGE = {
    "hidden": {"originals": 0, "results": 0, "total": 0},
    "originals": 1,
    "results": 2,
    "uploads": 3,
    "total": 6,
    "limit": 10,
}
Handler = Callable[[httpx.Request], httpx.Response]
Answers = Handler | Callable[[httpx.Request], Coroutine[Any, Any, httpx.Response]]


def sync_client(handler: Handler, credentials: Credentials = SESSION) -> Client:
    return Client(credentials, transport=httpx.MockTransport(handler))


def problem(status: int, code: str, **more: Any) -> httpx.Response:
    content = {"code": code, "detail": f"A sentence about {code}.", "trace": "t" * 8, **more}
    return httpx.Response(status, json=content)


class Server:
    """Accepts one access token at a time; a refresh token works once."""

    def __init__(self) -> None:
        self.refreshed = 0
        self.access, self.refresh = "new-0", "refresh-1"

    async def answer(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        if request.url.path == "/v1/sessions/refresh":
            if json.loads(request.content)["refresh_token"] != self.refresh:
                return problem(401, "unauthenticated")
            self.refreshed += 1
            self.access, self.refresh = f"new-{self.refreshed}", f"refresh-{self.refreshed + 1}"
            tokens = {"access_token": self.access, "refresh_token": self.refresh, "expires_in": 60}
            return httpx.Response(201, json=tokens)
        if request.headers["Authorization"] != f"Bearer {self.access}":
            return problem(401, "token_expired")
        return httpx.Response(200, json=USAGE)


async def test_many_requests_that_meet_one_expired_token_refresh_it_once() -> None:
    server, saved = Server(), list[Credentials]()
    transport = httpx.MockTransport(server.answer)
    async with AsyncClient(SESSION, save=saved.append, transport=transport) as client:
        answers = await asyncio.gather(*(client.usage.get() for _ in range(8)))
    assert {answer.total for answer in answers} == {6}
    assert server.refreshed == 1
    assert [credentials.access_token for credentials in saved] == ["new-1"]


def test_a_server_that_is_busy_while_a_session_is_refreshed_does_not_end_it() -> None:
    saved: list[Credentials] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/sessions/refresh":
            return problem(503, "unavailable")
        return problem(401, "token_expired")

    transport = httpx.MockTransport(answer)
    with Client(SESSION, save=saved.append, transport=transport) as client:
        with pytest.raises(UnavailableError):
            client.sessions.refresh()
        assert client.credentials == SESSION
    assert saved == []


def test_a_session_that_has_expired_says_how_to_log_in() -> None:
    with (
        sync_client(lambda _: problem(401, "unauthenticated")) as client,
        pytest.raises(AuthenticationError, match=r"expired\. Run `cratedig login`"),
    ):
        client.usage.get()


def test_without_credentials_nothing_is_sent() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request.url)

    with (
        sync_client(answer, Credentials(URL)) as client,
        pytest.raises(AuthenticationError, match=r"cratedig login.*CRATEDIG_API_KEY"),
    ):
        client.items.get("x")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequestError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (409, ConflictError),
        (413, APIStatusError),
        (422, InvalidRequestError),
        (429, RateLimitError),
        (500, ServerError),
        (503, UnavailableError),
        (507, ServerError),
    ],
)
def test_a_status_has_its_error(status: int, kind: type[APIStatusError]) -> None:
    fields = [{"field": "body.days", "message": "at most 90"}]
    refusal = problem(status, "a_code", fields=fields)
    with sync_client(lambda _: refusal) as client, pytest.raises(APIStatusError) as error:
        client.invitations.create(days=91)
    assert type(error.value) is kind
    assert (error.value.status, error.value.code, error.value.trace) == (status, "a_code", "t" * 8)
    assert str(error.value) == "A sentence about a_code.\n  body.days: at most 90"


def test_an_answer_of_another_program_says_so() -> None:
    page = httpx.Response(418, text="<html>")
    with sync_client(lambda _: page) as client, pytest.raises(APIStatusError) as error:
        client.events.ticket()
    assert "https://server.example/v1/events/tickets returned HTTP status 418" in str(error.value)


def test_only_what_can_be_repeated_is_sent_again() -> None:
    seen: list[tuple[str, str | None]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.path, request.headers.get("Idempotency-Key")))
        return httpx.Response(503, json={"code": "c", "detail": "d"}, headers={"Retry-After": "0"})

    with sync_client(answer) as client:
        with pytest.raises(UnavailableError):
            client.jobs.create("item", "midi")
        (first, *others) = seen
        assert first[1]
        assert others == [first] * 4
        seen.clear()
        with pytest.raises(UnavailableError):
            client.keys.create("name", ["jobs:write"])
        assert len(seen) == 1


def test_an_unreachable_server_is_named_with_what_to_check() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Connection refused")

    with sync_client(answer) as client, pytest.raises(APIConnectionError) as error:
        client.events.ticket()
    assert str(error.value) == (
        "Cannot reach https://server.example: Connection refused. Check the address and that the "
        "server is running."
    )


def test_a_list_is_one_iterator_over_all_pages() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.params["q"] == "kick"
        assert request.url.params["roots"] == "true"
        assert "kind" not in request.url.params
        number = int(request.url.params.get("cursor", "0"))
        item = {"kind": "sample", "state": "ready", "name": "", "created": NOW, "updated": NOW}
        items = [{**item, "id": str(2 * number + i)} for i in range(2)]
        return httpx.Response(
            200, json={"items": items, "next": str(number + 1) if number < 2 else None}
        )

    with sync_client(answer) as client:
        items = client.items.list(q="kick", roots=True)
        assert [item.id for item in items] == ["0", "1", "2", "3", "4", "5"]


def test_an_id_stays_one_segment_of_the_path() -> None:
    seen: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path)
        return httpx.Response(204)

    with sync_client(answer) as client:
        client.items.delete("../account?x=1")
    assert seen == [b"/v1/items/..%2Faccount%3Fx%3D1"]


@pytest.mark.parametrize("kind", ["job", "run"])
def test_waiting_ends_with_its_timeout(kind: str) -> None:
    progress = {"fraction": 0.5}
    subject = {"kind": "item", "id": "i"}
    shared = {
        **{"id": "x", "subject": subject, "state": "running"},
        **{"progress": progress, "created": NOW},
    }
    job = {**shared, "task": "midi", "params": {}}
    run = {**shared, "pipeline": {"name": "midi", "steps": []}, "steps": []}
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=job if kind == "job" else run)

    with sync_client(answer) as client:
        resource: Any = client.jobs if kind == "job" else client.runs
        with pytest.raises(WaitTimeoutError, match=r"x is still running after 0\.3 s"):
            resource.wait("x", timeout=0.3, on_progress=lambda work: seen.append(work.state))
    assert len(seen) > 1
    assert issubclass(WaitTimeoutError, TimeoutError)


def test_a_damaged_download_leaves_no_file(tmp_path: Path) -> None:
    artifact = Artifact(
        id="a",
        subject=Subject(kind="item", id="i"),
        kind="midi",
        name="song.mid",
        media_type="audio/midi",
        size=3,
        sha256="0" * 64,
        created=datetime.now(UTC),
    )

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/download"):
            return httpx.Response(200, json={"url": "/signed?key=secret", "expires": NOW})
        return httpx.Response(200, content=b"abc")

    with sync_client(answer) as client:
        assert client.artifacts.url("a").url == f"{URL}/signed?key=secret"
        with pytest.raises(DownloadCorruptError, match=r"song\.mid .* Download it again"):
            client.artifacts.save(artifact, tmp_path / "song.mid")
    assert list(tmp_path.iterdir()) == []


def test_every_error_has_a_code_for_programs() -> None:
    def tree(kind: type[CratedigError]) -> list[type[CratedigError]]:
        return [kind, *(below for subclass in kind.__subclasses__() for below in tree(subclass))]

    codes = {kind.__name__: kind.code for kind in tree(CratedigError)}
    assert codes["AuthenticationError"] == "unauthenticated"
    assert all(code.islower() for code in codes.values())
