"""A local server that takes webhooks, with what it was sent."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Message:
    """A request that a receiver got."""

    id: str
    timestamp: str
    signatures: list[str]
    body: bytes
    content_type: str

    @property
    def event(self) -> Any:
        return json.loads(self.body)

    def signed_with(self, secret: str) -> bool:
        """Return whether one of the signatures is that of a secret."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        content = f"{self.id}.{self.timestamp}.".encode() + self.body
        digest = hmac.new(key, content, hashlib.sha256).digest()
        return f"v1,{base64.b64encode(digest).decode()}" in self.signatures


@dataclass
class Receiver:
    """Answers challenges, and everything else with `status`."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b"taken"
    answers_challenges: bool = True
    messages: list[Message] = field(default_factory=list)

    def events(self) -> list[Message]:
        """Return what came besides challenges."""
        return [each for each in self.messages if each.event["type"] != "webhook.challenged"]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Give a running receiver."""
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            message = Message(
                id=self.headers["webhook-id"],
                timestamp=self.headers["webhook-timestamp"],
                signatures=self.headers["webhook-signature"].split(),
                body=self.rfile.read(int(self.headers["Content-Length"])),
                content_type=self.headers["Content-Type"],
            )
            state.messages.append(message)
            status, answer = state.status, state.answer
            if message.event["type"] == "webhook.challenged" and state.answers_challenges:
                status, answer = 200, json.dumps(message.event["data"]).encode()
            self.send_response(status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    state.url = f"http://127.0.0.1:{http.server_address[1]}/hook"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
