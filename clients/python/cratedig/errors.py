"""The errors that this library raises.

CratedigError
├── APIConnectionError          the server cannot be reached, or the connection broke
├── AuthenticationError         there are no credentials, or the server does not accept them (401)
├── APIStatusError              an error response; `code` is its problem code
│   ├── PermissionDeniedError   403
│   ├── NotFoundError           404
│   ├── InvalidRequestError     400 or 422; `fields` lists the invalid fields
│   ├── ConflictError           409
│   ├── RateLimitError          429; `retry_after` seconds
│   └── ServerError             500 and above
│       └── UnavailableError    502, 503 or 504; `retry_after` seconds
├── JobFailedError              a job ended without a result
├── DownloadCorruptError        a downloaded file does not match its SHA-256
└── WaitTimeoutError            a job or a run did not finish in time
"""

from collections.abc import Sequence


class CratedigError(Exception):
    """Base of all errors of this library."""

    code = "error"
    """A code for programs; for an error response, the API's problem code."""
    trace = ""
    """The trace id of the request, which is also in the server's log."""


class APIConnectionError(CratedigError):
    """The server cannot be reached, or the connection broke."""

    code = "unreachable"


class AuthenticationError(CratedigError):
    """There are no credentials, or the server does not accept them."""

    code = "unauthenticated"


class APIStatusError(CratedigError):
    """The server returned an error response.

    Parameters
    ----------
    status
        Status of the HTTP response.
    code
        A problem code of the API, such as `not_found`.
    detail
        What was wrong and what to do.
    fields
        `(path, message)` of each invalid field.
    retry_after
        Seconds to wait before another attempt, if the server states them.
    trace
        The trace id of the request, which is also in the server's log.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        fields: Sequence[tuple[str, str]] = (),
        retry_after: float | None = None,
        trace: str = "",
    ) -> None:
        listed = "".join(f"\n  {path}: {message}" for path, message in fields)
        super().__init__(f"{detail}{listed}")
        self.status = status
        self.code = code
        self.detail = detail
        self.fields = tuple(fields)
        self.retry_after = retry_after
        self.trace = trace


class PermissionDeniedError(APIStatusError):
    """The credentials do not allow this."""


class NotFoundError(APIStatusError):
    """The resource does not exist, or belongs to another account."""


class InvalidRequestError(APIStatusError):
    """The request or one of its parameters is wrong."""


class ConflictError(APIStatusError):
    """The request conflicts with the current state."""


class RateLimitError(APIStatusError):
    """Too many requests: try again later."""


class ServerError(APIStatusError):
    """The server failed."""


class UnavailableError(ServerError):
    """The server, or something it needs, is unavailable: try again later."""


class JobFailedError(CratedigError):
    """A job failed or was cancelled."""

    code = "job_failed"

    def __init__(self, job: str, state: str, reason: str, message: str) -> None:
        super().__init__(f"Job {job} {state}: {message or reason}")
        self.job = job
        self.state = state
        self.reason = reason


class DownloadCorruptError(CratedigError):
    """A downloaded file does not match its SHA-256."""

    code = "download_corrupt"


class WaitTimeoutError(CratedigError, TimeoutError):
    """A job or a run did not finish in time; it continues on the server."""

    code = "wait_timeout"


BY_STATUS: dict[int, type[APIStatusError]] = {
    400: InvalidRequestError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: InvalidRequestError,
    429: RateLimitError,
    502: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
}


def class_of(status: int) -> type[APIStatusError]:
    """Return the error class for an HTTP status."""
    return BY_STATUS.get(status, ServerError if status >= 500 else APIStatusError)
