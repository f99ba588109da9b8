"""The error responses of the API: problem codes, and `application/problem+json` (RFC 9457).

Problem                        400
├── InvalidRequest             422  a field is missing, malformed or out of range
├── InvalidParameters          422  a task's parameters are invalid
├── Unauthenticated            401
│   ├── TokenExpired           401
│   └── WrongCredentials       401
├── Forbidden                  403  the scope is missing
├── NotFound                   404  unknown or owned by another account
├── MethodNotAllowed           405
├── Conflict                   409
│   ├── InFlight               409  the first request with this Idempotency-Key still runs
│   ├── AlreadyExists          409
│   └── WrongState             409
├── Gone                       410
├── TooLarge                   413
├── QuotaExceeded              413  the account's or the server's storage limit is reached
├── RangeNotSatisfiable        416
├── KeyReused                  422  Idempotency-Key with another body
├── Quarantined                422  this file crashed its worker process three times
├── TooManyRequests            429  with Retry-After   (retryable)
├── Internal                   500
├── UpstreamFailed             502                     (retryable)
├── Unavailable                503  with Retry-After   (retryable)
└── StoreFull                  507  with Retry-After   (retryable)
"""

from enum import StrEnum

from contracts.base import Message


class ProblemCode(StrEnum):
    """The code of an error response, for programs."""

    INVALID_REQUEST = "invalid_request"
    INVALID_PARAMETERS = "invalid_parameters"
    UNAUTHENTICATED = "unauthenticated"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105
    WRONG_CREDENTIALS = "wrong_credentials"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    IN_FLIGHT = "in_flight"
    ALREADY_EXISTS = "already_exists"
    WRONG_STATE = "wrong_state"
    PRECONDITION_FAILED = "precondition_failed"
    GONE = "gone"
    TOO_SLOW = "too_slow"
    TOO_LARGE = "too_large"
    QUOTA_EXCEEDED = "quota_exceeded"
    RANGE_NOT_SATISFIABLE = "range_not_satisfiable"
    KEY_REUSED = "key_reused"
    QUARANTINED = "quarantined"
    TOO_MANY_REQUESTS = "too_many_requests"
    INTERNAL = "internal"
    UPSTREAM_FAILED = "upstream_failed"
    UNAVAILABLE = "unavailable"
    STORE_FULL = "store_full"

    @property
    def status(self) -> int:
        """The HTTP status of a response with this code."""
        return _STATUS[self]

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later."""
        return self in _RETRYABLE


TITLES = {
    ProblemCode.INVALID_REQUEST: "Invalid request",
    ProblemCode.INVALID_PARAMETERS: "Invalid task parameters",
    ProblemCode.UNAUTHENTICATED: "Authentication required",
    ProblemCode.TOKEN_EXPIRED: "Token expired",
    ProblemCode.WRONG_CREDENTIALS: "Wrong email or password",
    ProblemCode.FORBIDDEN: "Forbidden",
    ProblemCode.NOT_FOUND: "Not found",
    ProblemCode.METHOD_NOT_ALLOWED: "Method not allowed",
    ProblemCode.CONFLICT: "Conflict",
    ProblemCode.IN_FLIGHT: "First request still in progress",
    ProblemCode.ALREADY_EXISTS: "Already exists",
    ProblemCode.WRONG_STATE: "Not possible in this state",
    ProblemCode.PRECONDITION_FAILED: "Precondition failed",
    ProblemCode.GONE: "Gone",
    ProblemCode.TOO_SLOW: "Request timed out",
    ProblemCode.TOO_LARGE: "Too large",
    ProblemCode.QUOTA_EXCEEDED: "Storage quota exceeded",
    ProblemCode.RANGE_NOT_SATISFIABLE: "Range not satisfiable",
    ProblemCode.KEY_REUSED: "Idempotency-Key reused for another request",
    ProblemCode.QUARANTINED: "File quarantined",
    ProblemCode.TOO_MANY_REQUESTS: "Too many requests",
    ProblemCode.INTERNAL: "Internal error",
    ProblemCode.UPSTREAM_FAILED: "Upstream service failed",
    ProblemCode.UNAVAILABLE: "Service unavailable",
    ProblemCode.STORE_FULL: "Storage full",
}
"""The title of a response with each code, for people."""
_STATUS = {
    ProblemCode.INVALID_REQUEST: 422,
    ProblemCode.INVALID_PARAMETERS: 422,
    ProblemCode.UNAUTHENTICATED: 401,
    ProblemCode.TOKEN_EXPIRED: 401,
    ProblemCode.WRONG_CREDENTIALS: 401,
    ProblemCode.FORBIDDEN: 403,
    ProblemCode.NOT_FOUND: 404,
    ProblemCode.METHOD_NOT_ALLOWED: 405,
    ProblemCode.CONFLICT: 409,
    ProblemCode.IN_FLIGHT: 409,
    ProblemCode.ALREADY_EXISTS: 409,
    ProblemCode.WRONG_STATE: 409,
    ProblemCode.PRECONDITION_FAILED: 412,
    ProblemCode.GONE: 410,
    ProblemCode.TOO_SLOW: 408,
    ProblemCode.TOO_LARGE: 413,
    ProblemCode.QUOTA_EXCEEDED: 413,
    ProblemCode.RANGE_NOT_SATISFIABLE: 416,
    ProblemCode.KEY_REUSED: 422,
    ProblemCode.QUARANTINED: 422,
    ProblemCode.TOO_MANY_REQUESTS: 429,
    ProblemCode.INTERNAL: 500,
    ProblemCode.UPSTREAM_FAILED: 502,
    ProblemCode.UNAVAILABLE: 503,
    ProblemCode.STORE_FULL: 507,
}
_RETRYABLE = frozenset(
    {
        ProblemCode.TOO_SLOW,
        ProblemCode.TOO_MANY_REQUESTS,
        ProblemCode.UPSTREAM_FAILED,
        ProblemCode.UNAVAILABLE,
        ProblemCode.STORE_FULL,
    }
)


class FieldProblem(Message):
    """One invalid field of a request."""

    field: str
    """A dotted path, such as `body.params.precision`."""
    message: str


class Problem(Message):
    """The body of every error response."""

    type: str
    """`urn:cratedig:problem:<code>`."""
    title: str
    status: int
    detail: str
    """What was wrong, and what to do about it."""
    code: ProblemCode
    retryable: bool
    trace: str
    """The trace id, which is also in the server's logs; quote it when you ask for help."""
    fields: tuple[FieldProblem, ...] = ()
