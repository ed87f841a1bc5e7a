"""Request bodies: strict JSON, validated against a model, away from the event loop if they are large.

Python's JSON reader accepts NaN, lone surrogates and any depth. None of these can be stored or passed on, so a task
that contains one would be admitted and then fail, or come back changed.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import pydantic_core
from fastapi import Request
from pydantic import BaseModel, ValidationError

from orchestrator.errors import InvalidRequest, MalformedBody, UnsupportedMediaType
from planners.errors import InvalidTask
from planners.tasks import Task
from planners.validation import explain, parse

# A plan nests inputs a few levels deeper than the task does, and pydantic reads at most 200 levels.
MAX_DEPTH = 100
# Bodies up to this size take about a millisecond to validate, less than a thread switch may wait.
_INLINE_BYTES = 16 * 1024

_Body = TypeVar("_Body", bound=BaseModel)


def json_body(model: type[_Body]) -> Callable[[Request], Awaitable[_Body]]:
    """A FastAPI dependency that reads the request's body as ``model``.

    The dependency raises MalformedBody, UnsupportedMediaType or InvalidRequest. Use `body_schema` to document it.
    """

    async def read(request: Request) -> _Body:
        body = await _json_text(request)
        if len(body) <= _INLINE_BYTES:
            return validated(body, model)
        return await asyncio.to_thread(validated, body, model)

    return read


async def json_value(request: Request) -> Any:
    """Any JSON value that can be stored; None for an empty body.

    Raises:
        MalformedBody: the body is not JSON, or holds values that cannot be stored.
        UnsupportedMediaType: it is not declared as JSON.
    """
    body = await request.body() and await _json_text(request)
    if len(body) <= _INLINE_BYTES:
        return _value(body) if body else None
    return await asyncio.to_thread(_value, body)


async def _json_text(request: Request) -> bytes:
    declared = request.headers.get("content-type", "")
    if not _is_json(declared):
        raise UnsupportedMediaType(
            f"the body is declared as {declared or 'nothing at all'}, not as JSON",
            "header.Content-Type",
            "send the header Content-Type: application/json",
        )
    return await request.body()


def body_schema(model: type[BaseModel], examples: dict[str, Any] | None = None) -> dict[str, Any]:
    """``openapi_extra`` of a route whose body is read by `json_body`; `add_body_models` adds the model itself."""
    media: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}
    if examples:
        media["examples"] = examples
    return {"requestBody": {"required": True, "content": {"application/json": media}}}


def add_body_models(schemas: dict[str, Any], *models: type[BaseModel]) -> None:
    """Add the models of `body_schema` to OpenAPI's components. Nested ones end in ``-Input``: responses may differ."""
    for model in models:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}-Input")
        nested = schema.pop("$defs", {})
        schemas[model.__name__] = schema
        schemas.update({f"{name}-Input": definition for name, definition in nested.items()})


def validated(body: bytes, model: type[_Body]) -> _Body:
    """The model in a JSON text.

    Raises:
        MalformedBody: the text is not valid JSON, or holds values that cannot be stored.
        InvalidRequest: the JSON is not a valid ``model``; names the errors.
    """
    return checked(_value(body), model)


def _value(body: bytes) -> Any:
    try:
        value = pydantic_core.from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise _malformed(str(error)) from None
    if (problem := _unstorable(value)) is not None:
        raise _malformed(problem)
    return value


def checked(value: Any, model: type[_Body]) -> _Body:
    """The model in a JSON value.

    Raises:
        InvalidRequest: the value is not a valid ``model``; names the errors.
    """
    try:
        return cast("_Body", parse(value)) if model is Task else model.model_validate(value)
    except InvalidTask as error:
        raise InvalidRequest([error]) from None
    except ValidationError as error:
        raise InvalidRequest(explain(error, model, value)) from None


def _malformed(problem: str) -> MalformedBody:
    return MalformedBody(f"the body is not valid JSON: {problem}", "", "send one JSON document")


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))


def _unstorable(value: Any) -> str | None:
    level: list[Any] = [[value]]
    for _ in range(MAX_DEPTH + 1):
        inside = [part for whole in level for part in (whole.values() if isinstance(whole, dict) else whole)]
        if any(part.__class__ is float and math.isinf(part) for part in inside):
            return "it contains a number beyond the range of doubles"
        level = [part for part in inside if part.__class__ in {dict, list}]
        if not level:
            return None
    return f"it is nested more than {MAX_DEPTH} levels deep"
