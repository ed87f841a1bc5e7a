"""Refusals of the SDK in more words: which method or version was meant, and what to send."""

import json
from http import HTTPStatus
from typing import Any

from a2a.server.routes.jsonrpc_dispatcher import JsonRpcDispatcher
from fastapi import Request, Response

from planners.validation.suggestions import nearest, shown

VERSION_HEADER = "A2A-Version"
_NO_METHOD, _NO_VERSION = -32601, "VERSION_NOT_SUPPORTED"
_METHODS = tuple(JsonRpcDispatcher.METHOD_TO_MODEL)
# Methods of version 0.3, of which clients still ask, and what they are called now.
_RENAMED = {
    "message/send": "SendMessage",
    "message/stream": "SendStreamingMessage",
    "tasks/get": "GetTask",
    "tasks/list": "ListTasks",
    "tasks/cancel": "CancelTask",
    "tasks/resubscribe": "SubscribeToTask",
    "agent/getAuthenticatedExtendedCard": "GetExtendedAgentCard",
}


async def explained(request: Request, response: Response, version: str) -> Response:
    """The response; an unknown method or version is refused with what to send. ``version``: what is spoken."""
    body = bytes(getattr(response, "body", b""))  # streams have none
    if str(_NO_METHOD).encode() not in body and _NO_VERSION.encode() not in body:
        return response
    document: dict[str, Any] = json.loads(body)
    error = document.get("error")
    if not isinstance(error, dict):  # it is an output that holds these words
        return response
    if error.get("code") == _NO_METHOD:
        error["message"] = _of_method(str((await request.json())["method"]), version)
    elif any(part.get("reason") == _NO_VERSION for part in error.get("data") or error.get("details") or ()):
        error["message"] = _of_version(request.headers.get(VERSION_HEADER), version)
    else:
        return response
    kept = {name: value for name, value in response.headers.items() if name != "content-length"}
    return Response(json.dumps(document), HTTPStatus(response.status_code), kept)


def _of_method(method: str, version: str) -> str:
    if method in _RENAMED or method.startswith(("message/", "tasks/", "agent/")):
        now = f": write {_RENAMED[method]}" if method in _RENAMED else f"; {nearest(method, _METHODS)}"
        return f"'{shown(method)}' is a method of A2A 0.3, and this service speaks {version}{now}"
    return f"there is no method '{shown(method)}'; {nearest(method, _METHODS)}"


def _of_version(given: str | None, version: str) -> str:
    why = "and a request without this header means version 0.3" if given is None else f"not '{shown(given)}'"
    return f"this service speaks A2A {version}, {why}; send the header '{VERSION_HEADER}: {version}'"
