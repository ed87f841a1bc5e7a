"""Shortens what is told about an attempt, so that a report stays small whatever an agent was given or has said."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from pydantic import JsonValue

from actors.masking import MASK, Mask, names_a_secret

_MOST_CHARACTERS = 4_000
_MOST_TEXT = 300
_MOST_ITEMS = 20
_MOST_LEVELS = 6
_LEFT_OUT = "..."
# A secret that is longer is masked only in part where a text is cut.
_LONGEST_SECRET = 4_096
_LARGEST_NUMBER = 10**300
_SCALAR_CHARACTERS = 8
_CONTAINERS = (dict, list, tuple)


def abridged_text(text: str, most: int) -> str:
    """The text, without its middle if it is longer than ``most`` characters. More of its end is kept."""
    if len(text) <= most:
        return text
    head = most // 4
    return f"{text[:head]}\n... {len(text) - most} characters left out ...\n{text[len(text) - (most - head) :]}"


def abridged(inputs: Mapping[str, Any], mask: Mask) -> dict[str, JsonValue]:
    """The inputs of an attempt without secrets, shortened to about four thousand characters."""
    return _Shortening(mask).mapping(inputs, 0)


class _Shortening:
    """Shortens values as long as there are characters left."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._left = _MOST_CHARACTERS

    def mapping(self, mapping: Mapping[Any, Any], level: int) -> dict[str, JsonValue]:
        kept: dict[str, JsonValue] = {}
        for key, child in islice(mapping.items(), _MOST_ITEMS):
            secret = bool(child) and names_a_secret(str(key))
            kept[self._text(str(key))] = MASK if secret else self._value(child, level + 1)
        if len(mapping) > _MOST_ITEMS:
            kept[_LEFT_OUT] = f"{len(mapping) - _MOST_ITEMS} more"
        return kept

    def _value(self, value: Any, level: int) -> JsonValue:
        if self._left <= 0 or (level > _MOST_LEVELS and isinstance(value, _CONTAINERS)):
            return _LEFT_OUT
        if isinstance(value, Mapping):
            return self.mapping(value, level)
        if isinstance(value, list | tuple):
            kept = [self._value(child, level + 1) for child in value[:_MOST_ITEMS]]
            return [*kept, f"{_LEFT_OUT} ({len(value) - _MOST_ITEMS} more)"] if len(value) > _MOST_ITEMS else kept
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int | float) and abs(value) > _LARGEST_NUMBER:
            return f"{_LEFT_OUT} (a number too large to show)"
        self._left -= _SCALAR_CHARACTERS
        return value  # type: ignore[no-any-return]  # of a JSON value only numbers, bool and None are left

    def _text(self, text: str) -> str:
        most = max(0, min(_MOST_TEXT, self._left))
        self._left -= min(len(text), most)
        shown = self._mask.text(text[: most + _LONGEST_SECRET])
        return shown if len(text) <= most else f"{shown[:most]}{_LEFT_OUT} ({len(text)} characters)"
