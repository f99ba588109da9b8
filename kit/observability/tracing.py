"""W3C trace context: one id follows a request through every service and log line."""

import re
import secrets
from contextvars import ContextVar

TRACEPARENT = re.compile(r"^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$")

_current: ContextVar[str] = ContextVar("traceparent", default="")


def new_traceparent() -> str:
    """Return the header of a new trace."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def continue_trace(header: str | None) -> str:
    """Go on with a caller's trace, or begin one where the header is missing or malformed.

    Returns
    -------
    str
        The header to hand on; it is also the current one of this context from now on.
    """
    found = TRACEPARENT.match(header or "")
    if found is None:  # noqa: SIM108
        traceparent = new_traceparent()
    else:
        traceparent = f"00-{found[1]}-{secrets.token_hex(8)}-01"
    _current.set(traceparent)
    return traceparent


def current_traceparent() -> str:
    """Return the header of the trace that this context belongs to, or nothing."""
    return _current.get()


def current_trace_id() -> str:
    """Return the id of the trace that this context belongs to, or nothing."""
    found = TRACEPARENT.match(_current.get())
    return found[1] if found else ""
