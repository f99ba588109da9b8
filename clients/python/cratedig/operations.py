"""An API operation as a value: the request, and the type of the response body."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast
from urllib.parse import quote
from uuid import uuid4

from pydantic import TypeAdapter

T = TypeVar("T")
QueryValue = str | int | float | bool | Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """One request.

    Parameters
    ----------
    method, path
        As in the OpenAPI document: `GET` and `/v1/items/{item}`.
    returns
        Type of the body of a successful response; `NoneType` if it has none, `bytes` if it is not
        JSON.
    path_params
        Values for the names in braces.
    query
        Query parameters; those that are `None` are not sent, and of a list each value is.
    anonymous
        Whether to send it without credentials.
    """

    method: str
    path: str
    returns: type[T]
    path_params: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    query: Mapping[str, QueryValue] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    anonymous: bool = False

    @property
    def url(self) -> str:
        """The path with its values, each quoted so that it stays one segment."""
        quoted = {name: quote(value, safe="") for name, value in self.path_params.items()}
        return self.path.format_map(quoted)

    @property
    def repeatable(self) -> bool:
        """Whether it is idempotent, so that it can be sent again after an error."""
        return self.method in ("GET", "PUT", "DELETE") or "Idempotency-Key" in self.headers

    def read(self, content: bytes) -> T:
        """Parse the body of a successful response."""
        if self.returns is bytes:
            return cast(T, content)
        return TypeAdapter(self.returns).validate_json(content or b"null")


def idempotency_key() -> dict[str, str]:
    """Return an Idempotency-Key header, with which the server executes a request only once."""
    return {"Idempotency-Key": uuid4().hex}
