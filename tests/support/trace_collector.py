"""A collector of traces that keeps the spans it is sent, for tests."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.timeouts import HANG_TIMEOUT


@dataclass(frozen=True, slots=True)
class SeenSpan:
    """A span as it was sent."""

    trace: str
    id: str
    parent: str
    """Empty for the first span of a trace."""
    service: str
    name: str
    attributes: dict[str, Any]


@dataclass(slots=True)
class TraceCollector:
    """Keeps the spans that were sent to `url`."""

    url: str = ""
    spans: list[SeenSpan] = field(default_factory=list)
    changed: Condition = field(default_factory=Condition)

    @property
    def settings(self) -> dict[str, str]:
        """What makes a server send its spans here, at once."""
        return {"KIT_TRACES_URL": self.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}

    def take(self, request: ExportTraceServiceRequest) -> None:
        """Keep the spans of a request."""
        with self.changed:
            for resource in request.resource_spans:
                names = {each.key: each.value.string_value for each in resource.resource.attributes}
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        self.spans.append(_seen(span, names["service.name"]))
            self.changed.notify_all()

    def until(self, is_enough: Callable[[list[SeenSpan]], bool]) -> list[SeenSpan]:
        """Return the spans as soon as they are enough; fail if they never are."""
        with self.changed:
            came = self.changed.wait_for(lambda: is_enough(self.spans), HANG_TIMEOUT)
            assert came, sorted({(span.service, span.name) for span in self.spans})
            return list(self.spans)


def _seen(span: Any, service: str) -> SeenSpan:
    attributes = {
        each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes
    }
    trace, id_, parent = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
    return SeenSpan(trace, id_, parent, service, span.name, attributes)


@contextmanager
def trace_collector() -> Iterator[TraceCollector]:
    """Run a collector while the block lasts."""
    collector = TraceCollector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.take(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_port}/v1/traces"
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
