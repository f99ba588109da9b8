"""Exceptions with which a handler ends a job that has no result.

Outcome
├── Skipped       there is nothing to do; not a failure
├── Rejected      the input cannot be used; never retried
├── Retryable     a transient fault; retried with backoff
└── OutOfMemory   the device has too little memory; retried with a smaller segment (R20)
"""


class Outcome(Exception):
    """Base of outcomes without a result.

    Parameters
    ----------
    reason
        A lower-case code for programs, such as `silent`.
    message
        For users: the problem and what to do.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message


class Skipped(Outcome):
    """There is nothing to do, for example because the audio is silent or too short."""


class Rejected(Outcome):
    """The input cannot be used; a retry would not help."""


class Retryable(Outcome):
    """A transient fault; the job is retried."""


class OutOfMemory(Outcome):
    """The device has too little memory for this segment."""
