"""What can go wrong, as a tree.

CratedigError
├── Unreachable         the house does not answer
├── NotLoggedIn         there are no credentials, or they ended
├── Refused             the house said no; `code` tells why
│   ├── NotFound
│   ├── Invalid         the request or a parameter is wrong; `fields` tells which
│   └── Busy            too many requests, or unavailable; `retry_after` seconds
└── JobFailed           the job ended without a result
"""

from collections.abc import Sequence


class CratedigError(Exception):
    """Base of everything that this library raises on purpose."""


class Unreachable(CratedigError):
    """The house does not answer."""


class NotLoggedIn(CratedigError):
    """There are no credentials, or they ended."""


class Refused(CratedigError):
    """The house said no.

    Parameters
    ----------
    code
        A problem code of the API, such as `not_found`.
    detail
        What was wrong and what to do.
    fields
        `(path, message)` of each field that was wrong.
    retry_after
        Seconds to wait before another try, where the house said so.
    trace
        What to quote when asking for help.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        fields: Sequence[tuple[str, str]] = (),
        retry_after: float | None = None,
        trace: str = "",
    ) -> None:
        listed = "".join(f"\n  {path}: {message}" for path, message in fields)
        super().__init__(f"{detail}{listed}")
        self.code = code
        self.detail = detail
        self.fields = tuple(fields)
        self.retry_after = retry_after
        self.trace = trace


class NotFound(Refused):
    """There is no such thing, or it is not yours."""


class Invalid(Refused):
    """The request or one of its parameters is wrong."""


class Busy(Refused):
    """Too many requests, or something is unavailable: try again later."""


class JobFailed(CratedigError):
    """A job ended without a result."""

    def __init__(self, job: str, state: str, reason: str, message: str) -> None:
        super().__init__(f"job {job} {state}: {message or reason}")
        self.job = job
        self.state = state
        self.reason = reason
