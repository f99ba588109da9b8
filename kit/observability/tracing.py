"""W3C trace context: propagates a trace id through services, events and log lines."""

import re
import secrets
from contextvars import ContextVar

TRACEPARENT = re.compile(r"^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$")

_current: ContextVar[str] = ContextVar("traceparent", default="")


def new_traceparent() -> str:
    """Return the header of a new trace."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def continue_trace(header: str | None) -> str:
    """Continue a caller's trace, or start one if the header is missing or malformed.

    Returns
    -------
    str
        The `traceparent` to pass on, which becomes current in this context.
    """
    match = TRACEPARENT.match(header or "")
    if match is None:  # noqa: SIM108
        traceparent = new_traceparent()
    else:
        traceparent = f"00-{match[1]}-{secrets.token_hex(8)}-01"
    _current.set(traceparent)
    return traceparent


def current_traceparent() -> str:
    """Return the current `traceparent`; empty if there is no trace."""
    return _current.get()


def current_trace_id() -> str:
    """Return the current trace id, 32 hexadecimal digits; empty if there is no trace."""
    match = TRACEPARENT.match(_current.get())
    return match[1] if match else ""
