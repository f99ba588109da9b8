"""How a handler ends when it does not return a result.

Outcome
├── Skipped       there was nothing to do; a result of its own kind
├── Rejected      the input cannot be used; never retried
├── Retryable     a passing fault; retried with backoff
└── OutOfMemory   the device was too small; retried with less at once (R20)
"""


class Outcome(Exception):
    """Base of the ways to end without a result.

    Parameters
    ----------
    reason
        One lower-case word for programs, such as `silent`.
    message
        For a person: what was wrong and what to do.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message


class Skipped(Outcome):
    """There was nothing to do: silence, too short, nothing found."""


class Rejected(Outcome):
    """The input cannot be used; trying again would not help."""


class Retryable(Outcome):
    """A passing fault."""


class OutOfMemory(Outcome):
    """The device was too small for this segment."""
