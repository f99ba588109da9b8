"""Routes that ask who calls before they read what is sent."""

from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from kit.http.bodies import MAX_BODY, MAX_VALUES, BoundedRequest
from kit.http.errors import ProblemError

_MARK = "asks_who_calls"
Guard = TypeVar("Guard", bound=Callable[..., Awaitable[Any]])


def guard(dependency: Guard) -> Guard:
    """Mark a dependency that refuses strangers: it is called before the body is read.

    It is called with the request alone, and remembers its answer there: the framework calls it
    again.
    """
    setattr(dependency, _MARK, True)
    return dependency


class GuardedRoute(APIRoute):
    """A route that calls its guards first, and reads little of what strangers send."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the framework's handler, with guards before it and bounds around the body."""
        handler = super().get_route_handler()
        guards = tuple(_guards(self.dependant))

        async def guarded(request: Request) -> Response:
            bounded = BoundedRequest(request.scope, request.receive)
            for ask in guards:
                await ask(bounded)
            if guards:
                bounded.max_bytes, bounded.most_values = MAX_BODY, MAX_VALUES
            try:
                return await handler(bounded)
            except HTTPException as error:
                # The framework says "could not be parsed" of every refusal to read a body.
                if isinstance(error.__cause__, ProblemError):
                    raise error.__cause__ from None
                raise

        return guarded


def _guards(dependant: Dependant) -> Iterator[Callable[[Request], Awaitable[Any]]]:
    for one in dependant.dependencies:
        if one.call is not None and hasattr(one.call, _MARK):
            yield one.call
        yield from _guards(one)
