"""Checks that a value can be stored as JSON: finite numbers, bounded depth, valid text."""

import math
from collections.abc import Iterator
from typing import Any

import pydantic_core

from actors.errors import BadOutput

MAX_DEPTH = 100
_CONTAINERS = (dict, list, tuple, set, frozenset)
_Path = tuple[Any, ...]  # (parent path, key), linked so that a step down costs nothing


def encoded(value: Any, field: str) -> bytes:
    """The JSON of a value that consists of JSON types.

    Raises:
        BadOutput: it cannot be JSON. Names the path below ``field``.
    """
    try:
        body = pydantic_core.to_json(value, inf_nan_mode="constants")
    except (ValueError, RecursionError) as error:
        raise BadOutput(str(error), field, "return a JSON value") from None
    check(value, body, field)
    return body


def decoded(body: bytes, field: str) -> Any:
    """The value of a JSON text.

    Raises:
        BadOutput: it is not JSON, or is a value that `encoded` refuses.
    """
    try:
        value = pydantic_core.from_json(body)
    except ValueError as error:
        raise BadOutput(f"not JSON: {error}", field, "return one JSON value and nothing else") from None
    check(value, body, field)
    return value


def check(value: Any, body: bytes, field: str) -> None:
    """Refuse a value with numbers that JSON cannot hold, or nested too deeply. ``body`` is its JSON, with constants.

    Raises:
        BadOutput: names the path below ``field``.
    """
    if _depth_exceeds(value, MAX_DEPTH):
        raise BadOutput(f"nested more than {MAX_DEPTH} levels deep", field, "return a flatter value")
    if b"NaN" in body or b"Infinity" in body:  # maybe only in a text
        check_finite(value, field)


def check_finite(value: Any, field: str) -> None:
    """Refuse NaN and infinities.

    Raises:
        BadOutput: names the path below ``field``.
    """
    for path, number in _numbers(value):
        if not math.isfinite(number):
            fix = "return null, or leave the value out"
            raise BadOutput(f"JSON cannot hold the number {number}", ".".join([field, *_parts(path)]), fix)


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value] if isinstance(value, _CONTAINERS) else []
    for _ in range(limit):
        if not level:
            return False
        level = [child for container in level for child in _children(container) if isinstance(child, _CONTAINERS)]
    return bool(level)


def _children(container: Any) -> Any:
    return container.values() if isinstance(container, dict) else container


def _numbers(value: Any) -> Iterator[tuple[_Path, float]]:
    """Every float in a value, with its path."""
    if isinstance(value, float):
        yield (), value
    pending: list[tuple[_Path, Any]] = [((), value)] if isinstance(value, _CONTAINERS) else []
    while pending:
        path, container = pending.pop()
        items = container.items() if isinstance(container, dict) else enumerate(container)
        for key, child in items:
            if isinstance(child, float):
                yield (path, key), child
            elif isinstance(child, _CONTAINERS):
                pending.append(((path, key), child))


def _parts(path: _Path) -> list[str]:
    parts: list[str] = []
    while path:
        path, key = path
        parts.append(str(key))
    return parts[::-1]
