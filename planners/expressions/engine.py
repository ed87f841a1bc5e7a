"""CEL itself: the only module that imports ``cel-expr-python``, Google's wrapper of the C++ implementation.

The library bounds recursion and iterations, but neither time nor memory, and holds the GIL; see `evaluation`.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from typing import Any

from cel_expr_python import cel

from planners.expressions.errors import ExpressionFailed, UnknownField
from planners.expressions.record_messages import PACKAGE, RecordMessages
from planners.expressions.value_types import ListType, RecordType, ValueKind, ValueType

_LOCATION = re.compile(r"^[A-Z_]+: (?:ERROR: <input>:\d+:\d+: )?")
_FLAW = re.compile(r"^(?:[A-Z_]+: )?ERROR: <input>:(\d+):(\d+): (.*)$", re.MULTILINE)
_WITHOUT_RECORDS = re.compile(rf"{PACKAGE}\.R\d+")
_UNDEFINED = re.compile(rf"undefined field '(\w+)' not found in struct '({PACKAGE}\.R\d+)'")


# JSON is parsed to such a depth.
MOST_DEPTH = 200


_TYPES = {
    ValueKind.ANY: cel.Type.DYN,
    ValueKind.TEXT: cel.Type.STRING,
    ValueKind.BOOLEAN: cel.Type.BOOL,
    ValueKind.LIST: cel.Type.List(cel.Type.DYN),
    ValueKind.OBJECT: cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
}


def type_of(text: str, variables: Mapping[str, ValueKind]) -> str:
    """The name of the type of a CEL text: ``bool``, ``list<dyn>``, ``dyn``, ...

    Raises:
        ValueError: it is not well-formed, names something unknown, or applies an operator to wrong types.
    """
    return _type_of(text, tuple(variables.items()))


# Like steps have equal expressions.
@lru_cache(maxsize=512)
def _type_of(text: str, variables: tuple[tuple[str, ValueKind], ...]) -> str:
    try:
        return str(_environment(variables).compile(text).return_type().name()).lower()
    except RuntimeError as error:
        raise ValueError(_message(error)) from None


def checked_type(text: str, variables: Mapping[str, ValueType]) -> str | None:
    """The name of the type of a CEL text whose variables have known parts, with types as `type_of` names them.

    None: it is applied to a record in a way that its type does not allow and its value does. A record is an object,
    whose keys may be tested and listed, and the message that stands for it is not.

    Raises:
        UnknownField: a field is read that a record does not have.
        ValueError: an operator is applied to wrong types.
    """
    return _checked_type(text, tuple(variables.items()))


@lru_cache(maxsize=512)
def _checked_type(text: str, variables: tuple[tuple[str, ValueType], ...]) -> str | None:
    env, messages = _record_environment(variables)
    try:
        return _WITHOUT_RECORDS.sub("dyn", str(env.compile(text).return_type().name())).lower()
    except RuntimeError as error:
        for line, column, flaw in _FLAW.findall(str(error)):
            at = text.split("\n")[int(line) - 1][int(column) - 1 :]
            if (undefined := _UNDEFINED.match(flaw)) is None:
                if PACKAGE not in flaw:
                    raise ValueError(_message(flaw)) from None
            elif not at.startswith("("):  # of `has`
                raise UnknownField(undefined[1], messages.record(undefined[2]).names) from None
        return None


@lru_cache(maxsize=256)
def _record_environment(variables: tuple[tuple[str, ValueType], ...]) -> tuple[Any, RecordMessages]:
    messages = RecordMessages()
    types = {name: _cel_type(known, messages) for name, known in variables}
    return cel.NewEnv(descriptor_pool=messages.pool(), variables=types), messages


def _cel_type(known: ValueType, messages: RecordMessages) -> Any:
    if isinstance(known, ListType):
        return cel.Type.List(_cel_type(known.of, messages))
    return cel.Type(messages.name(known)) if isinstance(known, RecordType) else _TYPES[known]


def evaluated(text: str, values: Mapping[str, Any]) -> Any:
    """The value of a CEL text, computed here and now, whatever it takes.

    Raises:
        ExpressionFailed: it has no value for these inputs.
    """
    try:
        return _found(text, values).plain_value()
    except RuntimeError as error:
        raise ExpressionFailed(_message(error)) from None


def made(text: str, values: Mapping[str, Any], most: int) -> Any:
    """The same as a JSON value, of at most so many values and characters.

    Raises:
        ExpressionFailed: it has no value for these inputs, a larger or deeper one, or one that JSON does not have.
    """
    try:
        return _Json(most).of(_found(text, values))
    except RuntimeError as error:
        raise ExpressionFailed(_message(error)) from None


def _found(text: str, values: Mapping[str, Any]) -> Any:
    found = _compiled(text, tuple(values)).eval(data=dict(values))
    if found.type().name() == "ERROR":
        raise ExpressionFailed(_message(found.plain_value()))
    return found


class _Json:
    """Converts values of CEL one by one: those that share parts may be far larger than what they are made of."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most

    def of(self, found: Any, depth: int = 0) -> Any:
        """The value as JSON has it."""
        if depth > MOST_DEPTH:
            raise ExpressionFailed(f"its value is nested more than {MOST_DEPTH} levels deep")
        value = found.value()
        self._take(1 + (len(value) if isinstance(value, str) else 0))
        match value:
            case None | bool() | int() | str():
                return value
            case float() if isfinite(value):
                return value
            case float():
                raise ExpressionFailed(f"its value holds {value}, which is no number in JSON")
            case list():
                return [self.of(part, depth + 1) for part in value]
            case dict():
                return {self._key(key): self.of(part, depth + 1) for key, part in value.items()}
            case _:
                kind = str(found.type().name()).lower()
                raise ExpressionFailed(f"its value holds a {kind}, which JSON does not have; write string(...)")

    def _key(self, key: Any) -> str:
        if not isinstance(key, str):
            raise ExpressionFailed(f"a key of an object is {key!r}, which is no string; write string(...)")
        self._take(len(key))
        return key

    def _take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise ExpressionFailed(f"its value has more than {self._most} values and characters")


@lru_cache(maxsize=1024)
def _compiled(text: str, names: tuple[str, ...]) -> Any:
    return _environment(tuple((name, ValueKind.ANY) for name in names)).compile(text)


@lru_cache(maxsize=1024)
def _environment(variables: tuple[tuple[str, ValueKind], ...]) -> Any:
    return cel.NewEnv(variables={name: _TYPES[kind] for name, kind in variables})


def _message(error: object) -> str:
    text = _LOCATION.sub("", (str(error).splitlines() or ["it failed"])[0])
    text = text.removesuffix(" [INVALID_ARGUMENT]").replace(" (in container '')", "")
    return text.replace("Applying SELECT to non-message type", "a field is read of a value that is no object")
