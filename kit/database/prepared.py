"""Statements that are built once: building a large one takes longer than running it."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from sqlalchemy import Executable

Statement = TypeVar("Statement", bound=Executable)


class PreparedStatements:
    """Statements by key; what differs from one run to the next are their `bindparam`s."""

    def __init__(self) -> None:
        self._prepared: dict[Hashable, Any] = {}

    def prepared(self, key: Hashable, build: Callable[[], Statement]) -> Statement:
        """Return the statement of a key, which `build` returns the first time."""
        if key not in self._prepared:
            self._prepared[key] = build()
        statement: Statement = self._prepared[key]
        return statement
