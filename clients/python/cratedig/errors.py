"""What can go wrong.

CratedigError
├── APIConnectionError          the server cannot be reached, or the connection broke
├── AuthenticationError         there are no credentials, or the server does not accept them (401)
├── APIStatusError              the server answered with an error; `code` says which
│   ├── PermissionDeniedError   403
│   ├── NotFoundError           404
│   ├── InvalidRequestError     400 or 422; `fields` says what was wrong
│   ├── ConflictError           409
│   ├── RateLimitError          429; `retry_after` seconds
│   └── ServerError             500 and above
│       └── UnavailableError    502, 503 or 504; `retry_after` seconds
├── JobFailedError              a job ended without a result
├── DownloadCorruptError        a downloaded file is not what the server has
└── WaitTimeoutError            a job or a run did not end in time
"""

from collections.abc import Sequence


class CratedigError(Exception):
    """Base of everything that this library raises on purpose."""

    code = "error"
    """What happened, for programs; of an answer of the server it is the API's problem code."""
    trace = ""
    """Names the request in the server's log."""


class APIConnectionError(CratedigError):
    """The server cannot be reached, or the connection broke."""

    code = "unreachable"


class AuthenticationError(CratedigError):
    """There are no credentials, or the server does not accept them."""

    code = "unauthenticated"


class APIStatusError(CratedigError):
    """The server answered with an error.

    Parameters
    ----------
    status
        Of the HTTP response.
    code
        A problem code of the API, such as `not_found`.
    detail
        What was wrong and what to do.
    fields
        `(path, message)` of each field that was wrong.
    retry_after
        Seconds to wait before another attempt, where the server says so.
    trace
        Names the request in the server's log.
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
    """What was asked for does not exist, or belongs to another account."""


class InvalidRequestError(APIStatusError):
    """The request or one of its parameters is wrong."""


class ConflictError(APIStatusError):
    """The request does not fit the present state."""


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
    """A downloaded file is not what the server has."""

    code = "download_corrupt"


class WaitTimeoutError(CratedigError, TimeoutError):
    """A job or a run did not end in time; it goes on."""

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
    """Return the error that stands for a status of HTTP."""
    return BY_STATUS.get(status, ServerError if status >= 500 else APIStatusError)
