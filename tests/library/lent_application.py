"""The library's application, built once for many tests: building it takes half a second."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from fastapi import FastAPI

from contracts.identity import Principal
from services.library.app import catalogue
from services.library.routes.context import Context

Ready = Callable[[], Awaitable[dict[str, bool]]]


class _CurrentContext:
    """Stands for the context of the test that has the application now."""

    def __init__(self) -> None:
        self.context: Context | None = None
        self.ready: Ready | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.context, name)

    async def is_ready(self) -> dict[str, bool]:
        assert self.ready is not None
        return await self.ready()


_free: list[tuple[FastAPI, _CurrentContext]] = []


@contextmanager
def lent_application(
    server: Context, *, authenticate: Callable[[str], Awaitable[Principal]], ready: Ready
) -> Iterator[FastAPI]:
    """Yield an application that nobody else uses meanwhile, with the given context."""
    app, current = _free.pop() if _free else _build()
    current.context, current.ready = server, ready
    app.state.authenticate = authenticate
    try:
        yield app
    finally:
        _free.append((app, current))


def _build() -> tuple[FastAPI, _CurrentContext]:
    async def nobody(_: str) -> Principal:
        raise AssertionError("nobody uses this application")

    current = _CurrentContext()
    app = catalogue(cast(Context, current), authenticate=nobody, ready=current.is_ready)
    return app, current
