"""Every way to say no becomes a problem document: our errors, FastAPI's, Starlette's, and what nobody foresaw."""

import logging
import math

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from orchestrator.errors import InvalidRequest
from orchestrator.problems import MEDIA_TYPE, ProblemDetails, describe, plain
from planners.errors import ForerunError, InvalidTask
from planners.tasks import Task
from planners.validation import explain_errors

_log = logging.getLogger(__name__)

_FIXES = {
    400: "send one JSON document",
    404: "see /docs for the routes there are",
    405: "see /docs for the methods of this route",
    413: "send less, or raise limits.max_body_bytes",
}


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(ForerunError, _forerun_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unforeseen)


def reply(problem: ProblemDetails, headers: dict[str, str] | None = None) -> Response:
    """The problem as an HTTP response."""
    body = problem.model_dump_json(exclude_defaults=False)
    return Response(body, problem.status, headers=headers, media_type=MEDIA_TYPE)


async def _forerun_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ForerunError), "registered for nothing else"
    retry_after_s = getattr(error, "retry_after_s", None)
    headers = {} if retry_after_s is None else {"Retry-After": str(math.ceil(retry_after_s))}
    return reply(describe(error, request.url.path), headers)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError), "registered for nothing else"
    details = error.errors()
    if details and details[0]["type"] == "json_invalid":
        why = details[0].get("ctx", {}).get("error", "malformed")
        return reply(plain(400, f"the body cannot be read as JSON: {why}", request.url.path, _FIXES[400]))
    if isinstance(error.body, bytes):
        # FastAPI reads no body that does not say that it is JSON; `curl -d` says that it is a form.
        said = request.headers.get("content-type") or "nothing"
        fix = "send it with Content-Type: application/json"
        return reply(plain(415, f"the body is said to be {said}", request.url.path, fix, field="header.Content-Type"))
    in_body = [{**detail, "loc": detail["loc"][1:]} for detail in details if detail["loc"][:1] == ("body",)]
    elsewhere = [
        InvalidTask(detail["msg"], ".".join(map(str, detail["loc"])), "see /docs for what this parameter may be")
        for detail in details
        if detail["loc"][:1] != ("body",)
    ]
    return reply(describe(InvalidRequest([*explain_errors(in_body, Task), *elsewhere]), request.url.path))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "registered for nothing else"
    path, code = request.url.path, error.status_code
    detail = {404: f"there is nothing at {path}", 405: f"{request.method} is not a method of {path}"}.get(
        code, error.detail
    )
    return reply(plain(code, detail, path, _FIXES.get(code, "")), dict(error.headers or {}))


async def _unforeseen(request: Request, error: Exception) -> Response:
    # The boundary: what nobody foresaw is logged with its trace, and told without.
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    detail = "the service failed on this request; its log says why"
    return reply(plain(500, detail, request.url.path, "try again; report it if it happens again"))
