"""Responses: models are serialized by pydantic once, without FastAPI's second validation."""

import asyncio
from typing import Any

from fastapi import Response
from pydantic import BaseModel

from orchestrator.problems import MEDIA_TYPE, ProblemDetails


def sent(model: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """The model as a JSON response."""
    return Response(model.model_dump_json(by_alias=True), status, headers=headers, media_type="application/json")


async def sent_large(model: BaseModel, headers: dict[str, str] | None = None) -> Response:
    """As `sent`, for models that may hold thousands of steps: the JSON is made in a thread."""
    return await asyncio.to_thread(sent, model, 200, headers)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses: these statuses carry a problem document."""
    schema = {"$ref": f"#/components/schemas/{ProblemDetails.__name__}"}
    return {status: {"content": {MEDIA_TYPE: {"schema": schema}}, "description": _WHEN[status]} for status in statuses}


_WHEN = {
    400: "The body is not valid JSON",
    401: "The request needs a valid API key",
    403: "The scope of the API key does not include this request",
    404: "There is no such task, step or version",
    409: "The key was used for another task, the step is not in the state that this needs, or the version is damaged",
    413: "The body is too large",
    415: "The body is not declared as JSON",
    422: "The request is invalid: `field` and `fix` say why",
    429: "The queue is full: try again after Retry-After seconds",
    502: "The LLM that decomposes goals failed",
    503: "A part of the service does not answer: try again after Retry-After seconds",
}
