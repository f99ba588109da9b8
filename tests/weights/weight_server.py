"""A web server on loopback that weights are fetched from, and manifests that name it."""

import hashlib
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

CONTENT = bytes(range(256)) * 9000
SHA = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class WeightServer:
    """A loopback web server of files that can break off an answer and counts the bytes it sends."""

    files: dict[str, bytes]
    break_after: int | None = None
    ranges: bool = True
    requests: list[tuple[str, str]] = field(default_factory=list)
    sent: int = 0
    address: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        requested_range = handler.headers.get("Range", "")
        self.requests.append((handler.path, requested_range))
        if handler.path not in self.files:
            handler.send_error(404)
            return
        content = self.files[handler.path]
        start = (
            int(requested_range.removeprefix("bytes=").split("-")[0])
            if requested_range and self.ranges
            else 0
        )
        if start >= len(content):
            handler.send_error(416)
            return
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(content) - start))
        handler.send_header("ETag", '"1"')
        handler.send_header("X-Repo-Commit", COMMIT)
        handler.end_headers()
        if handler.command == "HEAD":
            return
        body = content[start:]
        if self.break_after is not None:
            body, self.break_after = body[: self.break_after], None
            handler.close_connection = True
        handler.wfile.write(body)
        self.sent += len(body)


COMMIT = "0123456789abcdef0123456789abcdef01234567"

TOML = """
[[weights]]
name = "net"
version = "1"
licence = "MIT"

[[weights.parts]]
file = "net.bin"
bytes = {size}
sha256 = "{sha}"

[[weights.parts.sources]]
kind = "url"
urls = ["{url}"]
"""


def write_manifest(root: Path, word: str, text: str) -> Path:
    (root / word).mkdir(parents=True)
    path = root / word / "weights.toml"
    path.write_text(text, encoding="utf-8")
    return path
