"""The macros of a CEL text: where they are, how deep they nest, and lists that are worked off in parts.

The library appends each element that `map` and `filter` make to a copy of the list so far, so 10,000 elements take nine
seconds and gigabytes. Where such a call is outside all others, its list may be cut: the parts are evaluated one by one.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from planners.expressions import engine
from planners.expressions.errors import ExpressionFailed
from planners.expressions.literals import COMMENT, TEXT
from planners.leaves import follow

_LITERAL = re.compile(f"{TEXT}|{COMMENT}", re.DOTALL)
_MACRO = re.compile(r"\.\s*(?:map|filter|all|exists|exists_one)\s*\(")
_CUT = re.compile(r"\s*\.\s*(?:map|filter)\s*\(")
_LIST = re.compile(r"(?<![.\w])(ref_\d+)((?:\.[A-Za-z_]\w*)*?)(?=\s*\.\s*(?:map|filter)\s*\()", re.ASCII)
_VARIABLE = re.compile(r"\bref_\d+\b")
_PART = 200


class _Chain(NamedTuple):
    """Calls of `map` and `filter` of a list, at ``begin`` to ``end`` of the text. ``read``: the variables in them."""

    begin: int
    end: int
    variable: str
    fields: tuple[str, ...]
    calls: str
    read: tuple[str, ...]


def nesting(text: str) -> tuple[int, int]:
    """How many macros there are, and how many of them are inside each other at most."""
    spans = _spans(_masked(text))
    return len(spans), max((sum(begin <= at < end for begin, end in spans) for at, _ in spans), default=0)


def in_parts(text: str, values: Mapping[str, Any], most: int) -> tuple[str, dict[str, Any]]:
    """The text with variables in place of calls of `map` and `filter` of long lists, and the values of all variables.

    What has no value by itself, or none in JSON, stays as it is.
    """
    known, pieces, end = dict(values), list[str](), 0
    for chain in _chains(text):
        try:
            made = _made_of(chain, known, most)
        except (LookupError, ExpressionFailed):
            continue
        name = f"made_{len(known)}"
        known[name] = made
        pieces += [text[end : chain.begin], name]
        end = chain.end
    return "".join([*pieces, text[end:]]), known


def _made_of(chain: _Chain, known: Mapping[str, Any], most: int) -> list[Any]:
    whole = follow(known[chain.variable], chain.fields)
    if not isinstance(whole, list) or len(whole) <= _PART or chain.variable in chain.read:
        raise LookupError("nothing is gained")
    others = {name: known[name] for name in chain.read}
    found: list[Any] = []
    for begin in range(0, len(whole), _PART):
        found += engine.made(f"part{chain.calls}", {**others, "part": whole[begin : begin + _PART]}, most)
    return found


def _chains(text: str) -> Iterator[_Chain]:
    masked, end = _masked(text), 0
    spans = _spans(masked)
    for found in _LIST.finditer(masked):
        begin, calls = found.span()
        if begin < end or any(first <= begin < last for first, last in spans):
            continue
        end = calls
        while (call := _CUT.match(masked, end)) is not None:
            end = _closing(masked, call.end())
        read = tuple(dict.fromkeys(_VARIABLE.findall(masked, calls, end)))
        yield _Chain(begin, end, found[1], tuple(found[2].split(".")[1:]), text[calls:end], read)


def _spans(masked: str) -> list[tuple[int, int]]:
    """Of each macro, where what is inside its parentheses begins and ends."""
    return [(found.end(), _closing(masked, found.end()) - 1) for found in _MACRO.finditer(masked)]


def _closing(masked: str, at: int) -> int:
    """The position behind the parenthesis that closes the one before ``at``."""
    depth = 1
    for number in range(at, len(masked)):
        depth += (masked[number] == "(") - (masked[number] == ")")
        if not depth:
            return number + 1
    return len(masked)


def _masked(text: str) -> str:
    """The text with blanks in place of text literals and comments."""
    return _LITERAL.sub(lambda found: " " * len(found[0]), text)
