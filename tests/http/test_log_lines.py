"""S24: one record is one line, whatever it holds, in both forms."""

import asyncio
import json
import logging
import sys
from datetime import datetime, timedelta
from typing import Any

import pytest
from opentelemetry.trace import SpanKind

from kit.observability.logging import JsonFormatter, TextFormatter, bind, log_context
from kit.observability.tracing import continue_trace

TRACE = "0af7651916cd43dd8448eb211c80319c"
FORGED = 'x\r\n{"level": "info", "message": "login.ok"}\n\x0b\x0c\x1b[2J\x00'


def record(message: str, *arguments: Any, **extra: Any) -> logging.LogRecord:
    log_record = logging.LogRecord("server", logging.INFO, "f.py", 1, message, arguments, None)
    log_record.__dict__.update(extra)
    return log_record


def read(line: str) -> dict[str, Any]:
    assert "\n" not in line
    assert "\r" not in line
    entry: dict[str, Any] = json.loads(line)
    return entry


@pytest.mark.parametrize("at", ["message", "argument", "extra", "name of an extra", "context"])
def test_no_text_forges_a_second_line(at: str) -> None:
    formatter = JsonFormatter()
    match at:
        case "message":
            logged = read(formatter.format(record(FORGED)))["message"]
        case "argument":
            logged = read(formatter.format(record("%s", FORGED)))["message"]
        case "extra":
            logged = read(formatter.format(record("m", file=FORGED)))["file"]
        case "name of an extra":
            logged = next(k for k in read(formatter.format(record("m", **{FORGED: 1}))) if "x" in k)
        case _:
            with log_context({"item": FORGED}):
                logged = read(formatter.format(record("m")))["item"]
            assert "item" not in read(formatter.format(record("m")))
    assert logged == FORGED


def test_a_traceback_stays_within_its_line() -> None:
    try:
        raise ValueError(FORGED)
    except ValueError:
        log_record = record("it failed")
        log_record.exc_info = sys.exc_info()
    entry = read(JsonFormatter().format(log_record))
    assert FORGED in entry["error"]
    assert entry["message"] == "it failed"


def test_values_that_json_cannot_hold_are_logged_as_text() -> None:
    entry = read(JsonFormatter().format(record("m", what={1, 2}, half="\ud800")))
    assert entry["what"] == "{1, 2}"


def test_time_is_utc_and_the_trace_goes_along() -> None:
    log_record = record("m")
    log_record.created = 1_700_000_000.25
    with continue_trace(f"00-{TRACE}-b7ad6b7169203331-01", "test", kind=SpanKind.INTERNAL):
        entry = read(JsonFormatter().format(log_record))
    when = datetime.fromisoformat(entry["time"])
    assert (when.timestamp(), when.utcoffset()) == (log_record.created, timedelta(0))
    assert (entry["level"], entry["logger"], entry["trace_id"]) == ("info", "server", TRACE)


async def test_what_a_task_binds_is_its_own() -> None:
    async def log(owner: str) -> dict[str, Any]:
        bind({"owner": owner})
        await asyncio.sleep(0)
        return read(JsonFormatter().format(record("m")))

    entries = await asyncio.gather(*(log(str(n)) for n in range(5)))
    assert [entry["owner"] for entry in entries] == list("01234")
    assert "owner" not in read(JsonFormatter().format(record("m")))


def test_a_person_reads_one_line_too() -> None:
    line = TextFormatter().format(record("%s", FORGED))
    assert not {c for c in line if ord(c) < 32}
