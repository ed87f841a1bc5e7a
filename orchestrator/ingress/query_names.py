"""Routes that refuse query parameters which they do not have: a misspelt filter must not answer with everything."""

from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from orchestrator.errors import InvalidRequest
from planners.errors import InvalidTask
from planners.validation.suggestions import nearest, shown


class ClosedQueryRoute(APIRoute):
    """A route that knows all of its query parameters. It raises InvalidRequest for others, before anything is done."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler behind the check; requests without a query do not pay for it."""
        handler = super().get_route_handler()
        known = frozenset(_declared(self.dependant))

        async def handled(request: Request) -> Response:
            if request.scope["query_string"]:
                _check(request, known)
            return await handler(request)

        return handled


def _declared(dependant: Dependant) -> Iterator[str]:
    """The names of the query parameters of a route, or of one of its dependencies."""
    yield from (field.alias for field in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _declared(inner)


def _check(request: Request, known: frozenset[str]) -> None:
    unknown = [name for name in dict.fromkeys(request.query_params) if name not in known]
    if unknown:
        fix = "this route has none: leave it out"
        raise InvalidRequest(
            [
                InvalidTask("unknown parameter", f"query.{shown(name)}", nearest(name, known) if known else fix)
                for name in unknown
            ]
        )
