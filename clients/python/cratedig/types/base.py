"""The base classes of all response types."""

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


class Answer(BaseModel):
    """Base of all response types: immutable; ignores fields of newer servers."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Page(Answer, Generic[T]):
    """One page of a list; `next` is the cursor of the following one."""

    items: tuple[T, ...]
    next: str | None = None
