import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.weights.weight_server import CONTENT, WeightServer


@pytest.fixture
def weight_server() -> Iterator[WeightServer]:
    place = WeightServer(
        {"/good": CONTENT, "/a": CONTENT[:1000], "/b": CONTENT[1000:], "/bad": b"x" * 99}
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place.answer(self)

        do_HEAD = do_GET  # noqa: N815 - as the base class names it.

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    place.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield place
    server.shutdown()
    thread.join()
    server.server_close()
