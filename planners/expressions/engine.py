"""CEL itself: the only module that imports ``cel-expr-python``, Google's wrapper of the C++ implementation.

The library bounds recursion and iterations, but neither time nor memory, and holds the GIL; see `evaluation`.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any

from cel_expr_python import cel

from planners.expressions.errors import ExpressionFailed

_LOCATION = re.compile(r"^[A-Z_]+: (?:ERROR: <input>:\d+:\d+: )?")


class ValueKind(StrEnum):
    """What is known of the type of a value."""

    ANY = "dyn"
    TEXT = "string"
    BOOLEAN = "bool"
    LIST = "list"
    OBJECT = "map"


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
    try:
        return str(_environment(tuple(variables.items())).compile(text).return_type().name()).lower()
    except RuntimeError as error:
        raise ValueError(_message(error)) from None


def evaluated(text: str, values: Mapping[str, Any]) -> Any:
    """The value of a CEL text, computed here and now, whatever it takes.

    Raises:
        ExpressionFailed: it has no value for these inputs.
    """
    try:
        found = _compiled(text, tuple(values)).eval(data=dict(values))
        value = found.plain_value()
    except RuntimeError as error:
        raise ExpressionFailed(_message(error)) from None
    if found.type().name() == "ERROR":
        raise ExpressionFailed(_message(value))
    return value


@lru_cache(maxsize=1024)
def _compiled(text: str, names: tuple[str, ...]) -> Any:
    return _environment(tuple((name, ValueKind.ANY) for name in names)).compile(text)


@lru_cache(maxsize=1024)
def _environment(variables: tuple[tuple[str, ValueKind], ...]) -> Any:
    return cel.NewEnv(variables={name: _TYPES[kind] for name, kind in variables})


def _message(error: object) -> str:
    text = _LOCATION.sub("", (str(error).splitlines() or ["it failed"])[0])
    return text.removesuffix(" [INVALID_ARGUMENT]").replace(" (in container '')", "")
