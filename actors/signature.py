"""Checks the inputs and outputs of a callable against its types, and derives its JSON schemas."""

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, NotRequired, get_type_hints

import pydantic_core
from pydantic import ConfigDict, Field, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from actors.context import Context
from actors.conversions import converting_fields, is_serialized_by_function
from actors.errors import BadInput, BadOutput, InvalidAgent
from actors.payloads.json_values import check_finite, encoded
from planners.agents import CONVERTS
from reconciler.state.handoff import Handoff

_EMPTY = inspect.Parameter.empty


class Signature:
    """Validates the inputs and outputs of one callable.

    Raises:
        InvalidAgent: it is a class, has positional-only parameters, ``*args``, or types without a pydantic schema.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.name = getattr(function, "__qualname__", repr(function))
        if inspect.isclass(function):  # calling it would make an object, which is no output
            fix = "name a function, or an instance whose class has __call__ (kind: batch makes instances itself)"
            raise InvalidAgent(f"'{self.name}' is a class, not a callable that gives an output", "target", fix)
        self.is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004 - an instance whose __call__ is async is an async agent
        )
        hints = self._hints(function)
        parameters = self._parameters(function)
        self.context_parameter = next((p.name for p in parameters if hints.get(p.name) is Context), None)
        taken = [p for p in parameters if p.name != self.context_parameter]
        self._inputs = self._adapter("parameters", self._record(taken, hints))
        returned = hints.get("return", Any)
        self._output = self._adapter("return type", Any if returned is Handoff else returned)

    def arguments(self, inputs: Mapping[str, Any], context: Context) -> dict[str, Any]:
        """The keyword arguments for a call.

        Raises:
            BadInput: names the first field that is wrong.
        """
        try:
            arguments: dict[str, Any] = dict(self._inputs.validate_python(dict(inputs)))
        except ValidationError as error:
            raise BadInput(*_first_error(error, "inputs"), f"see the parameters of '{self.name}'") from None
        if self.context_parameter is not None:
            arguments[self.context_parameter] = context
        return arguments

    def dumped(self, output: Any) -> bytes:
        """The output as JSON.

        Raises:
            BadOutput: it is not of the declared type, or cannot be JSON.
        """
        try:
            valid = self._output.validate_python(output)
            plain = self._output.dump_python(valid, mode="json")
            body = encoded(plain, "output")
            if b"null" in body:  # pydantic may have made it of NaN
                check_finite(self._output.dump_python(valid), "output")
        except ValidationError as error:
            raise BadOutput(
                *_first_error(error, "output"), f"correct what '{self.name}' returns, or its return type"
            ) from None
        except (ValueError, RecursionError) as error:  # circles, bytes that are not text, too many levels
            raise BadOutput(str(error), "output", f"'{self.name}' must return a JSON value") from None
        return body

    @property
    def input_schema(self) -> dict[str, Any]:
        """JSON Schema of the inputs, an object."""
        schema = self._inputs.json_schema()
        for name in converting_fields(self._inputs.core_schema):
            if name in schema.get("properties", {}):
                schema["properties"][name][CONVERTS] = True
        return {**schema, "title": self.name}

    @property
    def output_schema(self) -> dict[str, Any]:
        """JSON Schema of the output."""
        schema = self._output.json_schema(mode="serialization")
        return {**schema, CONVERTS: True} if is_serialized_by_function(self._output.core_schema) else schema

    def _hints(self, function: Callable[..., Any]) -> dict[str, Any]:
        body = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004 - see is_async
        try:
            return get_type_hints(body, include_extras=True)
        except NameError as error:
            fix = "import the types of an agent's parameters in its module"
            raise InvalidAgent(
                f"'{self.name}' has an annotation that cannot be resolved: {error}", error.name or "", fix
            ) from None

    def _parameters(self, function: Callable[..., Any]) -> Collection[inspect.Parameter]:
        try:
            return inspect.signature(function).parameters.values()
        except (TypeError, ValueError):  # no callable, or one of C that does not tell its parameters
            fix = "call it in a typed function of your own"
            raise InvalidAgent(f"'{self.name}' does not tell its parameters", "target", fix) from None

    def _record(self, parameters: list[inspect.Parameter], hints: Mapping[str, Any]) -> Any:
        fields: dict[str, Any] = {}
        extra: Any = "forbid"
        for parameter in parameters:
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                extra = "allow"
            elif parameter.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL):
                raise InvalidAgent(
                    f"'{self.name}' has a parameter without a name", parameter.name, "use named parameters"
                )
            else:
                fields[parameter.name] = _field(hints.get(parameter.name, Any), parameter.default)
        record = TypedDict("Inputs", fields)  # type: ignore[misc]  # made at run time
        record.__pydantic_config__ = ConfigDict(extra=extra)  # type: ignore[attr-defined]  # how pydantic configures one
        return record

    def _adapter(self, what: str, annotation: Any) -> TypeAdapter[Any]:
        try:
            return TypeAdapter(annotation)
        except (PydanticSchemaGenerationError, PydanticUserError) as error:
            fix = "use JSON types, dataclasses or pydantic models"
            raise InvalidAgent(f"'{self.name}' has a {what} without a schema: {error}", "target", fix) from None


def _field(annotation: Any, default: Any) -> Any:
    """A record field. One with a default is optional; the callable then uses its own default."""
    if default is _EMPTY:
        return annotation
    try:
        shown = pydantic_core.from_json(pydantic_core.to_json(default))
    except (pydantic_core.PydanticSerializationError, ValueError):
        return NotRequired[annotation]
    return NotRequired[Annotated[annotation, Field(json_schema_extra={"default": shown})]]


def _first_error(error: ValidationError, root: str) -> tuple[str, str]:
    """(message, dotted field) of the first error."""
    details = error.errors(include_url=False, include_context=False)
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return details[0]["msg"] + more, ".".join([root, *map(str, details[0]["loc"])])
