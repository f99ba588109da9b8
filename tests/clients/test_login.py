"""`cratedig login` with a device code and with a one-time link, at a server that a test scripts."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from typer.testing import CliRunner

from cratedig import credentials
from cratedig.cli.app import app

TOKENS = {"access_token": "an access token", "refresh_token": "a refresh token", "expires_in": 900}
ACCOUNT = {
    "id": "01920000-0000-7000-8000-000000000001",
    "email": "ada@acme.example",
    "name": "Ada",
    "admin": False,
    "created": "2026-03-01T12:00:00Z",
}
DEVICE = {
    "device_code": "the device code",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://acme.example/device",
    "expires_in": 600,
    "interval": 0,
}


@dataclass
class Scripted:
    """Answers by method and path, in order; the last one stays."""

    url: str = ""
    answers: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    bodies: list[Any] = field(default_factory=list)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    scripted = Scripted()
    scripted.answers = {
        "GET /v1/sign-in": [
            (200, {"passwords": True, "providers": [{"id": "acme", "name": "Acme"}]})
        ],
        "POST /v1/sign-in/acme/device": [(201, DEVICE)],
        "POST /v1/sign-in/acme/device/session": [
            (200, {"status": "pending", "tokens": None}),
            (200, {"status": "complete", "tokens": TOKENS}),
        ],
        "POST /v1/sessions/one-time": [(201, TOKENS)],
        "GET /v1/account": [(200, ACCOUNT)],
    }

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            if length:
                scripted.bodies.append(json.loads(self.rfile.read(length)))
            answers = scripted.answers[f"{self.command} {self.path}"]
            status, body = answers.pop(0) if len(answers) > 1 else answers[0]
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    scripted.url = f"http://127.0.0.1:{http.server_port}"
    thread = Thread(target=http.serve_forever)
    thread.start()
    monkeypatch.setenv("CRATEDIG_CONFIG", str(tmp_path / "credentials.json"))
    for name in ("CRATEDIG_URL", "CRATEDIG_API_KEY", "CRATEDIG_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    yield scripted
    http.shutdown()
    thread.join()
    http.server_close()


def test_a_device_code_is_shown_and_waited_for(server: Scripted) -> None:
    result = CliRunner().invoke(app, ["login", "--device", "--url", server.url])
    assert result.exit_code == 0, result.output
    assert "https://acme.example/device" in result.output
    assert "WDJB-MJHT" in result.output
    assert "ada@acme.example" in result.output
    assert server.bodies == [{"device_code": "the device code"}] * 2
    assert credentials.load().refresh_token == "a refresh token"


def test_an_organisation_must_be_meant(server: Scripted) -> None:
    several = [{"id": "acme", "name": "Acme"}, {"id": "other", "name": "Other"}]
    for providers, words in ((several, "--provider: acme, other"), ([], "no organisations")):
        server.answers["GET /v1/sign-in"] = [(200, {"passwords": True, "providers": providers})]
        result = CliRunner().invoke(app, ["login", "--device", "--url", server.url])
        assert result.exit_code != 0
        assert words in str(result.exception)
    server.answers["GET /v1/sign-in"] = [(200, {"passwords": True, "providers": several})]
    result = CliRunner().invoke(app, ["login", "--provider", "acme", "--url", server.url])
    assert result.exit_code == 0, result.output


def test_a_code_that_has_expired_is_not_waited_for(server: Scripted) -> None:
    server.answers["POST /v1/sign-in/acme/device"] = [(201, DEVICE | {"expires_in": 0})]
    result = CliRunner().invoke(app, ["login", "--device", "--url", server.url])
    assert "expired" in str(result.exception)
    assert not server.bodies


@pytest.mark.parametrize("printed", ["{link}", "Works once, for 10 minutes: {link}", "the-code"])
def test_a_one_time_link_logs_in(server: Scripted, printed: str) -> None:
    text = printed.format(link=f"{server.url}/?signin=the-code")
    options = ["--url", server.url] if printed == "the-code" else []
    result = CliRunner().invoke(app, ["login", "--code", text, *options])
    assert result.exit_code == 0, result.output
    assert server.bodies == [{"code": "the-code"}]
    assert credentials.load().url == server.url


def test_ways_to_log_in_exclude_each_other(server: Scripted) -> None:
    result = CliRunner().invoke(app, ["login", "--device", "--code", "x", "--url", server.url])
    assert result.exit_code == 2
