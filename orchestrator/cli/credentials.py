"""`--token` and `--header`: what a command sends with its requests to the service."""

import functools
import inspect
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Annotated, Any, ParamSpec, TypeVar

import typer

from orchestrator.cli.exit_codes import reported
from orchestrator.errors import InvalidOption

_P = ParamSpec("_P")
_R = TypeVar("_R")
_HEADERS = "FORERUN_HEADERS"
_Token = Annotated[
    str | None, typer.Option("--token", envvar="FORERUN_TOKEN", help="API key, if the service requires one.")
]
_Headers = Annotated[
    list[str] | None,
    typer.Option(
        "--header",
        metavar="NAME: VALUE",
        help=f"Additional header of every request, for a proxy; may be repeated. {_HEADERS}: a JSON object of headers.",
    ),
]
_given: ContextVar[Mapping[str, Any] | None] = ContextVar("credentials", default=None)


def credentials() -> dict[str, Any]:
    """Arguments of `Client` that the command line gave."""
    return dict(_given.get() or {})


def with_credentials(command: Callable[_P, _R]) -> Callable[..., _R]:
    """Add the options `--token` and `--header` to a command."""

    @functools.wraps(command)
    @reported
    def wrapped(*args: Any, token: str | None = None, header: Sequence[str] | None = None, **named: Any) -> _R:
        reset = _given.set(_arguments(token, header or ()))
        try:
            return command(*args, **named)
        finally:
            _given.reset(reset)

    own = inspect.signature(command, eval_str=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    added = [
        inspect.Parameter("token", keyword, default=None, annotation=_Token),
        inspect.Parameter("header", keyword, default=None, annotation=_Headers),
    ]
    parameters = [parameter.replace(kind=keyword) for parameter in own.parameters.values()]
    wrapped.__signature__ = own.replace(parameters=[*parameters, *added])  # type: ignore[attr-defined] # read by typer
    wrapped.__annotations__ = {name: p.annotation for name, p in inspect.signature(wrapped).parameters.items()}
    return wrapped


def _arguments(token: str | None, header: Sequence[str]) -> dict[str, Any]:
    headers = {**_environment_headers(), **dict(_header(line) for line in header)}
    for option, values in (("--token", [token or ""]), ("--header", [*headers, *headers.values()])):
        if not all(map(str.isascii, values)):
            raise InvalidOption("it has characters that no header may have", option, "give ASCII characters only")
    given = {"token": token or None, "headers": headers or None}
    return {name: value for name, value in given.items() if value is not None}


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise InvalidOption(f"'{line}' is not a header", "--header", "give it as 'Name: value'")
    return name.strip(), value.strip()


def _environment_headers() -> dict[str, str]:
    text = os.environ.get(_HEADERS, "")
    try:
        found = json.loads(text or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise InvalidOption("this is not a JSON object of headers", _HEADERS, 'give it as {"Name": "value"}')
    return found
