"""Cratedig from Python: upload songs, run tasks and pipelines, download what they make."""

from cratedig._async.client import AsyncClient
from cratedig._sync.client import Client
from cratedig.credentials import Credentials
from cratedig.errors import (
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    ConflictError,
    CratedigError,
    DownloadCorruptError,
    InvalidRequestError,
    JobFailedError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    UnavailableError,
    WaitTimeoutError,
)

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "AsyncClient",
    "AuthenticationError",
    "Client",
    "ConflictError",
    "CratedigError",
    "Credentials",
    "DownloadCorruptError",
    "InvalidRequestError",
    "JobFailedError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "ServerError",
    "UnavailableError",
    "WaitTimeoutError",
]
