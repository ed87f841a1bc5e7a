"""Replies: models go out as the bytes pydantic makes of them, with no second validation on the way."""

from typing import Any

from fastapi import Response
from pydantic import BaseModel

from orchestrator.problems import MEDIA_TYPE, ProblemDetails


def sent(model: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """The model as a JSON response."""
    return Response(model.model_dump_json(), status, headers=headers, media_type="application/json")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: these statuses come with a problem document."""
    schema = {"$ref": f"#/components/schemas/{ProblemDetails.__name__}"}
    return {status: {"content": {MEDIA_TYPE: {"schema": schema}}, "description": _WHEN[status]} for status in statuses}


_WHEN = {
    400: "The body is no JSON",
    404: "There is no such task, step or version",
    409: "The key was used for another task, the step has no output yet, or the version is damaged",
    413: "The body is too large",
    422: "Something in the request cannot be served as it is written: field and fix say why",
    429: "Too much work is waiting: try again after Retry-After seconds",
    502: "The model that decomposes goals failed",
    503: "A part of the service does not answer: try again after Retry-After seconds",
}
