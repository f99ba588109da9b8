"""Routes that authenticate the caller before they read the body."""

from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from kit.http.bodies import MAX_BODY, MAX_VALUES, BoundedRequest
from kit.http.errors import ProblemError
from kit.http.etags import tagged
from kit.http.query import query_names, refuse_unknown

_MARK = "is_guard"
Guard = TypeVar("Guard", bound=Callable[..., Awaitable[Any]])


def guard(dependency: Guard) -> Guard:
    """Mark a dependency that authenticates the caller, to be called before the body is read.

    It gets only the request, and must cache its result there, because FastAPI calls it again.
    """
    setattr(dependency, _MARK, True)
    return dependency


class GuardedRoute(APIRoute):
    """A route that calls its guards first, and limits bodies more strictly if it has none.

    If OpenAPI describes it, it accepts no query parameters but those described; a route for other
    programs' redirects has to accept what they add.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler, preceded by the guards and with limits on the body."""
        handler = super().get_route_handler()
        guards = tuple(_guards(self.dependant))
        has_tag = bool({304, 412} & set(self.responses))
        names = query_names(self.dependant) if self.include_in_schema else None

        async def guarded(request: Request) -> Response:
            bounded = BoundedRequest(request.scope, request.receive)
            for authenticate in guards:
                await authenticate(bounded)
            if guards:
                bounded.max_bytes, bounded.max_values = MAX_BODY, MAX_VALUES
            if names is not None:
                refuse_unknown(bounded.query_params, names)
            try:
                response = await handler(bounded)
            except HTTPException as error:
                # FastAPI replaces every error while parsing a body by its own: restore ours.
                if isinstance(error.__cause__, ProblemError):
                    raise error.__cause__ from None
                raise
            return tagged(request, response) if has_tag else response

        return guarded


def _guards(dependant: Dependant) -> Iterator[Callable[[Request], Awaitable[Any]]]:
    for child in dependant.dependencies:
        if child.call is not None and hasattr(child.call, _MARK):
            yield child.call
        yield from _guards(child)
