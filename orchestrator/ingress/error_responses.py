"""Error handlers: our errors, FastAPI's, Starlette's and unexpected ones all become problem documents."""

import logging
import math
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from orchestrator.errors import InvalidRequest
from orchestrator.problems import MEDIA_TYPE, ProblemDetails, describe, plain
from planners.errors import ForerunError, InvalidTask
from planners.validation.suggestions import shown
from planners.validation.wording import told
from reconciler.log_context import log_place

_log = logging.getLogger(__name__)

_FIXES = {
    404: "/docs lists all routes",
    405: "/docs lists the methods of this route",
    413: "send less, or raise limits.max_body_bytes",
}


def install(app: FastAPI) -> None:
    """Register the error handlers."""
    app.add_exception_handler(ForerunError, _forerun_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected_error)


def reply(problem: ProblemDetails, headers: dict[str, str] | None = None) -> Response:
    """The problem as an HTTP response."""
    body = problem.model_dump_json(exclude_defaults=False)
    return Response(body, problem.status, headers=headers, media_type=MEDIA_TYPE)


async def _forerun_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ForerunError), "registered for this class only"
    retry_after_s = getattr(error, "retry_after_s", None)
    headers = dict(getattr(error, "headers", {}))
    if retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(retry_after_s))
    return reply(describe(error, request.url.path), headers)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError), "registered for this class only"
    return reply(describe(InvalidRequest(list(map(_parameter_flaw, error.errors()))), request.url.path))


def _parameter_flaw(detail: Mapping[str, Any]) -> InvalidTask:
    """What is wrong with a parameter of the URL or a header, all of which arrive as texts."""
    words = told(detail)
    is_unread = str(detail["type"]).endswith("_parsing")
    message = f"'{shown(str(detail['input']))}' cannot be read" if is_unread else words.message
    return InvalidTask(message, ".".join(map(str, detail["loc"])), words.fix)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "registered for this class only"
    path, code = request.url.path, error.status_code
    detail = {404: f"there is nothing at {path}", 405: f"{path} does not support {request.method}"}.get(
        code, error.detail
    )
    return reply(plain(code, detail, path, _FIXES.get(code, "")), dict(error.headers or {}))


async def _unexpected_error(request: Request, error: Exception) -> Response:
    # The boundary: unexpected errors are logged with their traceback, which the response leaves out.
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    detail = f"the service failed while it handled this request; {log_place()} has the details"
    return reply(plain(500, detail, request.url.path, "try again; report it if it happens again"))
