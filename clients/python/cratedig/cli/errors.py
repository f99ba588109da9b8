"""Errors of commands, and the exit code of each.

0  done                        4  not found, or another account's
1  something else failed       5  the server refused it; the message says why
2  wrong usage                 6  the server cannot be reached, or is busy
3  not logged in               7  a job failed or was cancelled
"""

from cratedig.errors import (
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    CratedigError,
    JobFailedError,
    NotFoundError,
    RateLimitError,
    UnavailableError,
)


class LookupFailedError(CratedigError):
    """No item, job, run or file matches what was typed, or several do."""

    code = "not_found"


class RejectedError(CratedigError):
    """A file was uploaded, and is not accepted as an item."""

    code = "rejected"


class UsageError(Exception):
    """The arguments are wrong."""

    code = "usage"


_EXIT_CODES: tuple[tuple[type[CratedigError], int], ...] = (
    (AuthenticationError, 3),
    (LookupFailedError, 4),
    (NotFoundError, 4),
    (RateLimitError, 6),
    (UnavailableError, 6),
    (APIConnectionError, 6),
    (APIStatusError, 5),
    (RejectedError, 5),
    (JobFailedError, 7),
    (CratedigError, 1),
)


def exit_code(error: CratedigError) -> int:
    """Return the exit code that tells scripts what went wrong."""
    return next(code for kind, code in _EXIT_CODES if isinstance(error, kind))
