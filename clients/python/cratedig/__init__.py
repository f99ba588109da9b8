"""Cratedig from Python: send songs, run tasks and pipelines, fetch what they make."""

from cratedig.aio import AsyncClient
from cratedig.client import Client
from cratedig.errors import (
    Busy,
    CratedigError,
    Invalid,
    JobFailed,
    NotFound,
    NotLoggedIn,
    Refused,
    Unreachable,
)
from cratedig.session import Credentials

__all__ = [
    "AsyncClient",
    "Busy",
    "Client",
    "CratedigError",
    "Credentials",
    "Invalid",
    "JobFailed",
    "NotFound",
    "NotLoggedIn",
    "Refused",
    "Unreachable",
]
