"""Structured logs: one JSON object per line, in UTC, with job and trace ids (S24)."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from kit.observability.tracing import current_trace_id

_context: ContextVar[dict[str, str]] = ContextVar("log_context", default={})  # noqa: B039

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


@contextmanager
def log_context(values: dict[str, str]) -> Iterator[None]:
    """Add fields, such as `job_id`, to every line logged in the `with` block."""
    token = _context.set({**_context.get(), **values})
    try:
        yield
    finally:
        _context.reset(token)


def bind(values: dict[str, str]) -> None:
    """Add fields to every line that the current task logs from now on."""
    _context.set({**_context.get(), **values})


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON, in which line breaks are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_context.get(),
        }
        if trace := current_trace_id():
            line["trace_id"] = trace
        line.update({k: v for k, v in record.__dict__.items() if k not in _STANDARD})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class TextFormatter(logging.Formatter):
    """Formats a record for a terminal, with control characters escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of text."""
        when = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        message = record.getMessage().encode("unicode_escape").decode("ascii")
        context = "".join(f" {k}={v}" for k, v in _context.get().items())
        text = f"{when} {record.levelname.lower():<7} {record.name}: {message}{context}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return text


def configure(level: str, style: str) -> None:
    """Send every log line to standard error, as `json` or `text`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Their info lines contain full URLs, and a signed URL is a secret (S24).
    for noisy in ("httpx", "httpcore", "urllib3", "uvicorn.access", "aiokafka", "aiosqlite"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
