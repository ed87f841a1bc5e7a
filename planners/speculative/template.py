"""The template of a goal: its text with the values masked, so that it matches the same goal with other values."""

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from math import isfinite
from typing import Any, NamedTuple

from pydantic import JsonValue

from planners.model import Model

_LITERAL = re.compile(
    r"""(?P<url>https?://[^\s"'<>]*[^\s"'<>.,;:!?)])"""
    r"""|"(?P<double>[^"]{1,300})"|(?<!\w)'(?P<single>[^'"]{1,300})'(?!\w)"""
    r"""|(?<!\w)(?P<number>\w*\d\w*(?:[.,:/-]\w*\d\w*)*)"""
)
# With less fixed text than this share of the goal, or than these characters, a template would match anything.
_MIN_FIXED_SHARE, _MIN_FIXED = 0.35, 8
# Values after these are fixed text, and so are used texts beyond so many: nobody repeats such a goal with other values.
_MOST_SLOTS, _MOST_USED = 64, 200
# Longer numbers are texts.
_LONGEST = 300
# A free slot may hold this many words more than it did when it was learned.
_MORE_WORDS = 2


class SlotKind(StrEnum):
    """The form of a masked value. ``free``: recognised only because a plan used it."""

    NUMBER = "number"
    QUOTED = "quoted"
    URL = "url"
    FREE = "free"


class Literal(NamedTuple):
    """A value written in a goal, and its position (without its quotes)."""

    kind: SlotKind
    text: str
    start: int
    end: int


class TemplateSlot(Model):
    """A masked value: its kind, and how many words it had."""

    kind: SlotKind
    words: int = 1


class Template(Model):
    """Fixed texts around slots: ``texts[0] slot[0] texts[1] ... texts[-1]``."""

    texts: tuple[str, ...]
    slots: tuple[TemplateSlot, ...] = ()

    @property
    def fixed(self) -> int:
        """Characters of fixed text: the more, the more specific a match."""
        return sum(len(text) for text in self.texts)

    def match(self, goal: str) -> tuple[str, ...] | None:
        """The values of a goal that matches; None if it does not. Linear in the goal's length."""
        first, *rest = self.texts
        if not goal.startswith(first):
            return None
        at, values = len(first), []
        for index, (slot, text) in enumerate(zip(self.slots, rest, strict=True)):
            end = self._end(goal, at, text, last=index == len(rest) - 1)
            if end is None or not _fits(slot, goal[at:end]):
                return None
            values.append(goal[at:end])
            at = end + len(text)
        return tuple(values) if at == len(goal) else None

    @staticmethod
    def _end(goal: str, at: int, text: str, *, last: bool) -> int | None:
        if last:
            end = len(goal) - len(text)
            return end if end > at and goal.endswith(text) else None
        end = goal.find(text, at + 1)
        return end if end > at else None


def collapsed(goal: str) -> str:
    """The goal with each run of white space as one space."""
    return " ".join(goal.split())


def literals(goal: str) -> list[Literal]:
    """Numbers (and words that hold digits, dates, times), quoted strings and URLs, in order."""
    found = []
    for match in _LITERAL.finditer(goal):
        name = match.lastgroup or ""
        kind = SlotKind(name) if name in ("url", "number") else SlotKind.QUOTED
        found.append(Literal(kind, match[name], *match.span(name)))
    return found


def template_of(goal: str, used: Iterable[str]) -> tuple[Template, tuple[str, ...]]:
    """The template of a `collapsed` goal and its values, given texts that its plan or its task's inputs hold."""
    known = literals(goal)
    template = _cut(goal, [*known, *_occurrences(goal, used, known)])
    if template[0].fixed < max(_MIN_FIXED, _MIN_FIXED_SHARE * len(goal)):
        return _cut(goal, known)
    return template


def masked(value: JsonValue, values: Sequence[str], goal: str) -> JsonValue:
    """A literal of a plan, with values of the goal replaced by markers that name their slots."""
    if isinstance(value, list):
        return [masked(part, values, goal) for part in value]
    if isinstance(value, dict):
        return {key: masked(part, values, goal) for key, part in value.items()}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"$number": list(values).index(str(value))} if str(value) in values else value
    if not isinstance(value, str) or not value:
        return value
    if collapsed(value) == goal:
        return {"$goal": True}
    if value in values:
        return {"$slot": list(values).index(value)}
    return _text(value, values)


def filled(value: JsonValue, values: Sequence[str | None], goal: str) -> JsonValue:
    """The literal for a goal with these values: the inverse of `masked`.

    Raises:
        LookupError: the goal has no value for a slot of the literal.
    """
    if isinstance(value, list):
        return [filled(part, values, goal) for part in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"$goal": True}:
            return goal
        case {"$slot": int(index)}:
            return _value_at(values, index)
        case {"$number": int(index)}:
            return _number(_value_at(values, index))
        case {"$text": list(parts)}:
            return "".join(str(filled(part, values, goal)) for part in parts)
    return {key: filled(part, values, goal) for key, part in value.items()}


def strings(value: Any) -> Iterable[str]:
    """Every string inside a JSON value."""
    if isinstance(value, dict):
        for part in value.values():
            yield from strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from strings(part)
    elif isinstance(value, str):
        yield value


def _occurrences(goal: str, used: Iterable[str], known: Iterable[Literal]) -> list[Literal]:
    """Where the goal holds a used text, the longest texts first, apart from the known values and from each other."""
    found: list[Literal] = []
    taken = bytearray(len(goal) + 1)
    for literal in known:
        _take(taken, literal)
    texts = {text for text in used if 2 <= len(text) <= 200 and text != goal and text in goal}
    for text in sorted(texts, key=lambda text: (-len(text), text))[:_MOST_USED]:
        for start in _word_starts(goal, text):
            literal = Literal(SlotKind.FREE, text, start, start + len(text))
            # Slots need fixed text between them, so values that touch overlap, too.
            if taken.find(1, literal.start, literal.end + 1) < 0:
                _take(taken, literal)
                found.append(literal)
    return found


def _word_starts(goal: str, text: str) -> Iterator[int]:
    """Where the goal contains the text between word boundaries."""
    start = goal.find(text)
    while start >= 0:
        end = start + len(text)
        if not (start and _is_word(goal[start - 1])) and not _is_word(goal[end : end + 1]):
            yield start
        start = goal.find(text, start + 1)


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _take(taken: bytearray, literal: Literal) -> None:
    taken[literal.start : literal.end + 1] = b"\1" * (literal.end + 1 - literal.start)


def _cut(goal: str, values: list[Literal]) -> tuple[Template, tuple[str, ...]]:
    texts: list[str] = []
    slots: list[TemplateSlot] = []
    found, at = [], 0
    for literal in sorted(values, key=lambda value: value.start):
        if literal.start <= at and slots:
            continue
        if len(slots) == _MOST_SLOTS:
            break
        texts.append(goal[at : literal.start])
        slots.append(TemplateSlot(kind=literal.kind, words=len(literal.text.split())))
        found.append(literal.text)
        at = literal.end
    return Template(texts=(*texts, goal[at:]), slots=tuple(slots)), tuple(found)


def _fits(slot: TemplateSlot, text: str) -> bool:
    if slot.kind is SlotKind.FREE:
        return len(text.split()) <= slot.words + _MORE_WORDS
    if slot.kind is SlotKind.QUOTED:
        return '"' not in text
    whole = literals(text)
    return len(whole) == 1 and whole[0].kind is slot.kind and whole[0].text == text


def _text(value: str, values: Sequence[str]) -> JsonValue:
    """A literal that contains values of the goal: {"$text": [text, slot, text, ...]}."""
    parts: list[JsonValue] = [value]
    for index, known in enumerate(values):
        if len(known) < 3 or known not in value:
            continue
        split: list[JsonValue] = []
        for part in parts:
            pieces = part.split(known) if isinstance(part, str) else None
            if pieces is None or len(pieces) == 1:
                split.append(part)
                continue
            for piece in pieces[:-1]:
                split += [piece, {"$slot": index}]
            split.append(pieces[-1])
        parts = split
    return {"$text": parts} if len(parts) > 1 else value


def _value_at(values: Sequence[str | None], index: int) -> str:
    value = values[index]
    if value is None:
        raise LookupError(f"the goal has no value for slot {index}")
    return value


def _number(text: str) -> JsonValue:
    digits = text.replace(",", "")
    # A float would round long integers.
    if digits.isascii() and digits.isdigit() and len(digits) < _LONGEST:
        return int(digits)
    try:
        number = float(digits)
    except ValueError:
        return text
    if not isfinite(number):
        return text
    return int(number) if number.is_integer() and "." not in text else number
