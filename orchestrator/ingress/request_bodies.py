"""Reading bodies: JSON as RFC 8259 has it, and no more of it than everything behind can carry.

Python's own reader takes NaN, halves of surrogate pairs and any depth; none of these can be stored or sent on, so a
task that holds one would be taken on and then break, or come back changed.
"""

import json
import math
from collections.abc import Callable, Coroutine
from typing import Any

import pydantic_core
from fastapi import Request, Response
from fastapi.routing import APIRoute

# A plan holds inputs a few levels deeper than the task does, and pydantic reads no more than 200.
MOST_LEVELS = 100


class JsonRoute(APIRoute):
    """A route whose bodies are read by `JsonRequest`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As FastAPI documents it for requests of one's own."""
        handle = super().get_route_handler()

        async def handling(request: Request) -> Response:
            return await handle(JsonRequest(request.scope, request.receive))

        return handling


class JsonRequest(Request):
    """A request whose JSON is checked."""

    async def json(self) -> Any:
        """The body.

        Raises:
            JSONDecodeError: it is no JSON, or not such as can be stored; says why and where.
        """
        body = await self.body()
        try:
            value = pydantic_core.from_json(body, allow_inf_nan=False)
        except ValueError as error:
            raise json.JSONDecodeError(str(error), "", 0) from None
        if (why := _flaw(value)) is not None:
            raise json.JSONDecodeError(why, "", 0)
        return value


def _flaw(value: Any) -> str | None:
    level = [value]
    for _ in range(MOST_LEVELS):
        inside = [part for whole in level for part in (whole.values() if isinstance(whole, dict) else whole)]
        if any(part.__class__ is float and math.isinf(part) for part in inside):
            return "it holds a number beyond the range of doubles"
        level = [part for part in inside if part.__class__ in {dict, list}]
        if not level:
            return None
    return f"it is nested more than {MOST_LEVELS} levels deep"
