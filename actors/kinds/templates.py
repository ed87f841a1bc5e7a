"""Templates over the inputs of an attempt, for addresses, headers, bodies and prompts: Jinja2 in its sandbox.

Templates belong to the catalog, so they are trusted; inputs are only ever data. ``{{ name }}`` is an input,
``{{ secret('NAME') }}`` a variable that the entry's ``env`` names, ``{{ idempotency_key }}`` the attempt's key,
``{{ callback_url() }}`` the address of the callback that waits behind the step.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import pydantic_core
from jinja2 import StrictUndefined, TemplateError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import JsonValue

from actors.context import Context
from actors.errors import BadInput, InvalidCatalog

RESERVED = frozenset({"secret", "inputs", "idempotency_key", "callback_url", "heartbeat_url"})
# Nothing would replace it. References of other kinds are left out: they may be meant for what the text is given to.
_REFERENCE = re.compile(r"\$(?:inputs|steps)\.(\w+)(?:\.\w+)*", re.ASCII)
_ONE_EXPRESSION = re.compile(r"\{\{((?:(?!\}\}).)*)\}\}", re.DOTALL)


def _text(value: Any) -> Any:
    """Structured inputs are written as JSON, numbers and texts as themselves."""
    structured = value is None or isinstance(value, dict | list | tuple | bool)
    return pydantic_core.to_json(value).decode() if structured else value


def _in_address(value: Any) -> str:
    quoted = quote(str(_text(value)), safe="")
    if quoted in (".", ".."):
        raise ValueError(f"'{quoted}' would change the path of the address")
    return quoted


_PLAIN = ImmutableSandboxedEnvironment(undefined=StrictUndefined, finalize=_text, autoescape=False)
_ADDRESS = _PLAIN.overlay(finalize=_in_address)


class Rendering:
    """Renders the templates of one attempt. ``secrets`` are the values that were used, to be masked in messages."""

    def __init__(self, inputs: Mapping[str, Any], context: Context) -> None:
        self.secrets: set[str] = set()
        self._context = context
        own = {"inputs": inputs, "secret": self._secret, "idempotency_key": context.idempotency_key}
        own |= {"callback_url": context.callback_url, "heartbeat_url": context.heartbeat_url}
        self._known = {**inputs, **own}

    def text(self, template: str, field: str) -> str:
        """The rendered text.

        Raises:
            BadInput: an input is missing, or the template does not fit it; names the field.
        """
        return self._rendered(_PLAIN, template, field)

    def address(self, template: str, field: str) -> str:
        """The rendered URL, with every value percent-encoded, so that none can leave its place. Raises as `text`."""
        return self._rendered(_ADDRESS, template, field)

    def value(self, template: JsonValue, field: str) -> JsonValue:
        """A JSON value with all its texts rendered. A text that is one expression keeps the type of its value.

        Raises:
            BadInput: see `text`.
        """
        match template:
            case str():
                only = _ONE_EXPRESSION.fullmatch(template.strip())
                return self.text(template, field) if only is None else self._evaluated(only.group(1), field)
            case list():
                return [self.value(part, f"{field}.{index}") for index, part in enumerate(template)]
            case dict():
                return {key: self.value(part, f"{field}.{key}") for key, part in template.items()}
            case _:
                return template

    def masked(self, text: str) -> str:
        """The text without the secrets that were used."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def _secret(self, name: str) -> str:
        value = self._context.secret(name)
        if value:
            self.secrets.add(value)
        return value

    def _rendered(self, environment: ImmutableSandboxedEnvironment, template: str, field: str) -> str:
        try:
            return str(_compiled(environment, template).render(self._known))
        except (TemplateError, TypeError, ValueError) as error:
            raise _does_not_fit(error, field) from None

    def _evaluated(self, expression: str, field: str) -> JsonValue:
        try:
            found: JsonValue = _expression(expression)(self._known)
        except (TemplateError, TypeError, ValueError) as error:
            raise _does_not_fit(error, field) from None
        return found


def check_template(template: JsonValue, env: Collection[str], field: str) -> frozenset[str]:
    """The names of the inputs that a template reads.

    Raises:
        InvalidCatalog: its syntax is wrong, it holds a reference such as ``$inputs.name``, or it reads a secret that
            ``env`` does not name.
    """
    read: set[str] = set()
    for path, text in _texts(template, field):
        if (reference := _REFERENCE.search(text)) is not None:
            fix = f"write {{{{ {reference[1]} }}}}, and bind {reference[1]} in the steps"
            raise InvalidCatalog(f"'{reference[0]}' is a reference of workflows; templates have none", path, fix)
        try:
            tree = _PLAIN.parse(text)
        except TemplateError as error:
            raise InvalidCatalog(f"not a valid template: {error}", path, "write {{ name }} for an input") from None
        for name in _secrets(tree):
            if name not in env:
                raise InvalidCatalog(f"the template reads the secret {name}", path, f"add {name} to the agent's env")
        read |= meta.find_undeclared_variables(tree) - RESERVED
    return frozenset(read)


def schema_of(names: Collection[str]) -> dict[str, Any]:
    """The schema of inputs that templates read by these names."""
    return {"type": "object", "properties": {name: {} for name in sorted(names)}, "required": sorted(names)}


@lru_cache(maxsize=1024)
def _compiled(environment: ImmutableSandboxedEnvironment, template: str) -> Any:
    return environment.from_string(template)


@lru_cache(maxsize=1024)
def _expression(expression: str) -> Callable[[Mapping[str, Any]], Any]:
    return _PLAIN.compile_expression(expression, undefined_to_none=False)


def _texts(template: JsonValue, field: str) -> Iterator[tuple[str, str]]:
    match template:
        case str():
            yield field, template
        case list():
            for index, part in enumerate(template):
                yield from _texts(part, f"{field}.{index}")
        case dict():
            for key, part in template.items():
                yield from _texts(part, f"{field}.{key}")


def _secrets(tree: nodes.Template) -> Iterator[str]:
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name == "secret":
            yield from (str(argument.value) for argument in call.args if isinstance(argument, nodes.Const))


def _does_not_fit(error: Exception, field: str) -> BadInput:
    return BadInput(f"the template does not fit the inputs: {error}", field, "bind every input that it reads")
