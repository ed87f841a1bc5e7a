"""Kind ``http``: one request to a service; its response is the output.

``target`` is the URL and ``settings`` are `HttpSettings`. Both may hold templates over the inputs, but not in scheme
and host: inputs never decide who is called. Cancelling an attempt closes its connection.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
import pydantic_core
from pydantic import Field, JsonValue

from actors.context import Context
from actors.errors import ActorsError, BadInput, BadOutput, InvalidCatalog, ProviderBusy
from actors.invocation import Invocation
from actors.kinds.declared import settings_of
from actors.kinds.kind import Answer, Kind
from actors.kinds.outbound import GuardedTransport, parsed_allowances
from actors.kinds.retry_after import retry_after_s
from actors.kinds.schemas import check_schema
from actors.kinds.templates import Rendering, check_template, schema_of
from actors.payloads.json_values import decoded, encoded
from planners.agents import AgentSpec
from planners.bindings import follow
from planners.model import Model
from planners.resources import Resources

TIMEOUT_S = 60.0
_SHOWN_BYTES = 500
_SAFE = frozenset({"GET", "HEAD"})
# The server may answer differently later; any other status from 400 to 499 is final.
_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


class HttpFailed(ActorsError):
    """The service could not be reached, or answered with an error that may pass."""

    unavailable = True


class HttpRefused(BadInput):
    """The service refused the request, and would refuse it again."""


class HttpSettings(Model):
    """The request and what of the response is the output.

    Attributes:
        method: of the request.
        headers: templates. Authorization: ``Bearer {{ secret('NAME') }}``, with ``NAME`` in the entry's ``env``.
        query: parameters; templates. A text that is one ``{{ expression }}`` keeps the type of its value.
        body: the JSON body, with templates; None: all inputs, if the method is not GET, HEAD or DELETE.
        response: path of the output in the response, such as ``data.items.0``; empty: all of it.
        format: of the response: ``json``, or ``text``.
        allow: hosts and networks that may be called although not public, such as ``localhost`` or ``10.0.0.0/8``.
        idempotency_header: header that carries the idempotency key; None: it is not sent. Not sent with GET and HEAD.
        max_bytes: of the response.
    """

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    headers: dict[str, str] = Field(default_factory=dict)
    query: dict[str, JsonValue] = Field(default_factory=dict)
    body: JsonValue = None
    response: str = ""
    format: Literal["json", "text"] = "json"
    allow: tuple[str, ...] = ()
    idempotency_header: str | None = "Idempotency-Key"
    max_bytes: int = Field(default=64 * 1024 * 1024, ge=1)

    @property
    def sends_inputs(self) -> bool:
        """Whether all inputs are the body."""
        return self.body is None and self.method in ("POST", "PUT", "PATCH")


class HttpKind:
    """Sends one request per attempt, from the host that all agents without resources share."""

    runs_on_loop = True
    checks_schemas = True

    def declare(self, entry: Mapping[str, Any], location: str) -> AgentSpec | Mapping[str, Any]:
        """Check the address, the settings and all templates; derive the input schema from the templates."""
        settings = settings_of(HttpSettings, entry, location)
        target = _target(entry, location)
        if settings.method not in _SAFE and "effect" not in entry:
            fix = "declare effect: pure, idempotent or irreversible; only you know what the request does"
            raise InvalidCatalog(f"a {settings.method} request may act", f"{location}.effect", fix)
        if entry.get("effect") == "stageable":
            fix = "declare it idempotent or irreversible, or wrap it in a callable with promote="
            raise InvalidCatalog("an HTTP agent cannot stage its effects", f"{location}.effect", fix)
        env = entry.get("env") or ()
        read = check_template(target, env, f"{location}.target")
        for name in ("headers", "query", "body"):
            read |= check_template(getattr(settings, name), env, f"{location}.settings.{name}")
        derived: dict[str, Any] = {"resources": Resources(), "timeout_s": TIMEOUT_S}
        if not settings.sends_inputs:
            derived["input_schema"] = schema_of(read)
        return {**derived, **entry}

    async def health(self, agent: AgentSpec) -> str:
        """Ask the host for anything; any answer shows that it is there."""
        assert isinstance(agent.target, str)
        parts = urlsplit(agent.target)
        root = f"{parts.scheme}://{parts.netloc}/"
        transport = GuardedTransport(parsed_allowances(HttpSettings.model_validate(agent.settings).allow))
        try:
            async with httpx.AsyncClient(transport=transport) as client:
                answer = await client.head(root)
        except httpx.HTTPError as error:
            message = f"{root}: {error or type(error).__name__}"
            raise HttpFailed(message, "target", "check the address, and that the service runs") from None
        return f"{root} answers ({answer.status_code} to HEAD)"

    async def run(self, call: Invocation, inputs: dict[str, Any], context: Context) -> Answer:
        """Send the request and read the response.

        Raises:
            BadInput, BadOutput: a schema or template does not match, or the response is not what is declared.
            HttpRefused, HttpFailed, ProviderBusy: the service answered with an error, or not at all.
            AddressRefused: the service is not on a public address.
        """
        check_schema(inputs, call.input_schema, BadInput, "inputs")
        settings = HttpSettings.model_validate(call.settings)
        rendering = Rendering(inputs, context)
        request = _request(call, settings, inputs, rendering)
        transport = GuardedTransport(parsed_allowances(settings.allow))
        try:
            async with httpx.AsyncClient(transport=transport, timeout=call.timeout_s or TIMEOUT_S) as client:
                response = await client.send(request, stream=True)
                try:
                    body = await _body(response, settings.max_bytes)
                finally:
                    await response.aclose()
        except httpx.HTTPError as error:
            message = rendering.masked(f"{_named(request)}: {error or type(error).__name__}")
            raise HttpFailed(message, "target", "check the address, and that the service runs") from None
        _check_status(request, response, body, rendering)
        return _answer(call, settings, response, body)


def _target(entry: Mapping[str, Any], location: str) -> str:
    target = entry.get("target")
    fix = "write target: https://host/path; only path and query may hold {{ templates }}"
    if not isinstance(target, str):
        raise InvalidCatalog("the target of an HTTP agent is a URL", f"{location}.target", fix)
    # Python takes what follows the first slash, question mark or hash after the host for path, query or fragment.
    parts = urlsplit(target)
    if parts.scheme not in ("http", "https") or not parts.hostname or "{" in parts.netloc or "@" in parts.netloc:
        raise InvalidCatalog("this is not the URL of a fixed host", f"{location}.target", fix)
    return target


def _request(call: Invocation, settings: HttpSettings, inputs: dict[str, Any], rendering: Rendering) -> httpx.Request:
    assert isinstance(call.target, str)
    headers = {name: rendering.text(text, f"settings.headers.{name}") for name, text in settings.headers.items()}
    if settings.idempotency_header is not None and settings.method not in _SAFE:
        headers.setdefault(settings.idempotency_header, call.idempotency_key or call.attempt)
    body = inputs if settings.sends_inputs else rendering.value(settings.body, "settings.body")
    content = None
    if body is not None:
        headers.setdefault("Content-Type", "application/json")
        content = pydantic_core.to_json(body)
    query: Any = {name: rendering.value(value, f"settings.query.{name}") for name, value in settings.query.items()}
    url = httpx.URL(rendering.address(call.target, "target"))
    try:
        return httpx.Request(settings.method, url.copy_merge_params(query), headers=headers, content=content)
    except (ValueError, TypeError) as error:  # such as a header with a line break
        raise BadInput(rendering.masked(f"cannot be sent: {error}"), "settings", "check the inputs") from None


async def _body(response: httpx.Response, max_bytes: int) -> bytes:
    read = bytearray()
    async for chunk in response.aiter_bytes():
        read += chunk
        if len(read) > max_bytes:
            fix = "ask for less, or raise settings.max_bytes"
            raise BadOutput(f"the response has more than {max_bytes} bytes", "output", fix)
    return bytes(read)


def _check_status(request: httpx.Request, response: httpx.Response, body: bytes, rendering: Rendering) -> None:
    if response.is_success:
        return
    shown = body[:_SHOWN_BYTES].decode(errors="replace")
    status = f"{response.status_code} {response.reason_phrase}"
    message = rendering.masked(f"{_named(request)} answered {status}: {shown}")
    if response.is_redirect:
        raise HttpRefused(message, "target", f"redirects are not followed; if it is right, use {_location(response)}")
    if response.is_client_error and response.status_code not in _LATER:
        raise HttpRefused(message, "target", "correct the request: its address, headers, body or inputs")
    if (wait_s := retry_after_s(response.headers.get("Retry-After"))) is not None:
        raise ProviderBusy.until(message, "target", wait_s)
    raise HttpFailed(message, "target", "try again later")


def _answer(call: Invocation, settings: HttpSettings, response: httpx.Response, body: bytes) -> Answer:
    whole: Any = body.decode(response.encoding or "utf-8", "replace")
    if settings.format == "json":
        whole = decoded(body, "output") if body.strip() else None
    path = tuple(int(part) if part.isdecimal() else part for part in settings.response.split(".") if part)
    try:
        output = follow(whole, path)
    except LookupError as error:
        raise BadOutput(f"{error} in the response", "settings.response", "correct the path") from None
    check_schema(output, call.output_schema, BadOutput, "output")
    return Answer(encoded(output, "output"))


def _named(request: httpx.Request) -> str:
    """Method and address without the query, which may hold private values."""
    return f"{request.method} {request.url.copy_with(query=None)}"


def _location(response: httpx.Response) -> str:
    return str(response.headers.get("Location", "another address"))[:_SHOWN_BYTES]


KIND: Kind = HttpKind()
