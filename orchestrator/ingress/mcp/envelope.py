"""What is wrong with the body of a request, in words: the SDK answers with the messages of its own models."""

import json
from http import HTTPStatus
from typing import Any, NamedTuple

_INVALID_REQUEST, _INVALID_PARAMS = -32600, -32602
_EXAMPLE = '{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}'
_CALL = '{"name": "TOOL", "arguments": {}}'


class BodyFlaw(NamedTuple):
    """An error of JSON-RPC. ``request``: the id of the request, where it has one."""

    code: int
    message: str
    request: int | str | None = None

    @property
    def status(self) -> HTTPStatus:
        """Of the response: a request that can be read is answered, whatever it asks for."""
        return HTTPStatus.BAD_REQUEST if self.code == _INVALID_REQUEST else HTTPStatus.OK

    @property
    def as_json(self) -> str:
        """The response."""
        error = {"code": self.code, "message": self.message}
        return json.dumps({"jsonrpc": "2.0", "id": self.request, "error": error})


def body_flaw(content: bytes) -> BodyFlaw | None:
    """Why a body is no message of MCP, or calls no tool; None if it may be one. What is not JSON is left to the SDK."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict):
        what = "a list: batches are not supported" if isinstance(body, list) else "not an object"
        return BodyFlaw(_INVALID_REQUEST, f"the body is {what}; send one message, such as {_EXAMPLE}")
    known = body.get("id")
    request = known if isinstance(known, int | str) and not isinstance(known, bool) else None
    if (told := _of_message(body)) is not None:
        return BodyFlaw(_INVALID_REQUEST, f"{told}; a request looks like {_EXAMPLE}", request)
    if body.get("method") == "tools/call" and (told := _of_call(body.get("params"))) is not None:
        return BodyFlaw(_INVALID_PARAMS, f"{told}; params of tools/call look like {_CALL}", request)
    return None


def _of_message(body: dict[str, Any]) -> str | None:
    if body.get("jsonrpc") != "2.0":
        return "jsonrpc is missing" if "jsonrpc" not in body else "jsonrpc must be '2.0'"
    if "method" not in body:
        is_answer = "id" in body and ("result" in body or "error" in body)
        return None if is_answer else "method is missing"
    if not isinstance(body["method"], str):
        return "method must be a text"
    if not isinstance(body.get("params"), dict | None):
        return "params must be an object"
    if "id" in body and (not isinstance(body["id"], int | str) or isinstance(body["id"], bool)):
        return "id must be a text or a whole number"
    return None


def _of_call(params: Any) -> str | None:
    if params is None or "name" not in params:
        return "the name of the tool is missing"
    if not isinstance(params["name"], str):
        return "the name of the tool must be a text"
    return None if isinstance(params.get("arguments"), dict | None) else "arguments must be an object"
