"""Values, conditions and expressions written in Python: what `planners.builder` hands out, and what it takes."""

import json
import re
from typing import Any, NoReturn

_FIELD = re.compile(r"[A-Za-z_]\w*", re.ASCII)


class Term:
    """A part of a condition in CEL. Comparisons, ``+ - * /``, ``&``, ``|`` and ``~`` of terms are terms."""

    def __init__(self, cel: str, *, atomic: bool = False) -> None:
        self._cel = cel
        self._atomic = atomic  # needs no parentheses as an operand

    @property
    def cel(self) -> str:
        """The text in CEL."""
        return self._cel

    @property
    def operand(self) -> str:
        """The text as part of a larger condition."""
        return self._cel if self._atomic else f"({self._cel})"

    def __str__(self) -> str:
        return self.cel

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.cel!r})"

    def __bool__(self) -> bool:
        raise TypeError("a condition has no value yet; combine conditions with & | ~ in place of and, or, not")

    def __iter__(self) -> NoReturn:
        # Python would otherwise ask for the parts 0, 1, 2 and so on for ever.
        raise TypeError("its elements are not known yet; use for_each, and .contains(x) in place of `x in`")

    def __contains__(self, other: object) -> NoReturn:
        iter(self)

    def __eq__(self, other: object) -> "Term":  # type: ignore[override]  # a condition, not its value
        return self._joined("==", other)

    def __ne__(self, other: object) -> "Term":  # type: ignore[override]  # as above
        return self._joined("!=", other)

    __hash__ = None  # type: ignore[assignment]  # terms are not compared by value

    def __lt__(self, other: object) -> "Term":
        return self._joined("<", other)

    def __le__(self, other: object) -> "Term":
        return self._joined("<=", other)

    def __gt__(self, other: object) -> "Term":
        return self._joined(">", other)

    def __ge__(self, other: object) -> "Term":
        return self._joined(">=", other)

    def __add__(self, other: object) -> "Term":
        return self._joined("+", other)

    def __sub__(self, other: object) -> "Term":
        return self._joined("-", other)

    def __mul__(self, other: object) -> "Term":
        return self._joined("*", other)

    def __truediv__(self, other: object) -> "Term":
        return self._joined("/", other)

    def __radd__(self, other: object) -> "Term":
        return self._joined("+", other, turned=True)

    def __rsub__(self, other: object) -> "Term":
        return self._joined("-", other, turned=True)

    def __rmul__(self, other: object) -> "Term":
        return self._joined("*", other, turned=True)

    def __rtruediv__(self, other: object) -> "Term":
        return self._joined("/", other, turned=True)

    def __and__(self, other: object) -> "Term":
        return self._joined("&&", other)

    def __or__(self, other: object) -> "Term":
        return self._joined("||", other)

    def __invert__(self) -> "Term":
        return Term(f"!{_grouped(self)}")

    def _joined(self, operator: str, other: object, *, turned: bool = False) -> "Term":
        first, second = (other, self) if turned else (self, other)
        return Term(f"{_grouped(first)} {operator} {_grouped(second)}")


class ValueRef(Term):
    """A value that nodes may read: an input, an output, an element, a state. Fields and items of it are references too.

    ``triage.label``, ``triage["label"]`` and ``triage[0]`` are parts. What Python reserves is written in brackets.
    """

    def __init__(self, *path: str | int) -> None:
        head, *rest = path
        # What the reference names is written after a point, whatever its characters; see `planners.expressions`.
        name = [] if head == "item" else rest[:1]
        parts = [*(f".{each}" for each in name), *map(_part, rest[len(name) :])]
        super().__init__("$" + str(head) + "".join(parts), atomic=True)
        self._path = path

    @property
    def binding(self) -> str:
        """As a binding is written in a document: ``$steps.triage.label``."""
        return "$" + ".".join(map(str, self._path))

    @property
    def step(self) -> str:
        """The id of the node whose output it is.

        Raises:
            ValueError: it is not the output of a node.
        """
        if self._path[0] != "steps" or len(self._path) < 2:
            raise ValueError(f"{self.binding} is not the output of a node; give a step or its id")
        return str(self._path[1])

    def exists(self) -> Term:
        """Whether the last field is there."""
        return Term(f"has({self.cel})", atomic=True)

    def size(self) -> Term:
        """The length of a list or a text."""
        return Term(f"{self.cel}.size()", atomic=True)

    def contains(self, value: object) -> Term:
        """Whether a text contains another one, or a list an element."""
        return Term(f"{self.cel}.contains({_literal(value)})", atomic=True)

    def __getattr__(self, name: str) -> "ValueRef":
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, part: str | int) -> "ValueRef":
        return ValueRef(*self._path, part)


def expr(cel: str) -> Term:
    """An expression in CEL, as a condition or as the value of an input: ``expr("$steps.search.map(h, h.name)")``."""
    return Term(cel)


def _part(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if _FIELD.fullmatch(part) else f"[{json.dumps(part)}]"


def _grouped(value: object) -> str:
    """A term as an operand."""
    return value.operand if isinstance(value, Term) else _literal(value)


def _literal(value: object) -> str:
    return value.cel if isinstance(value, Term) else json.dumps(value, ensure_ascii=False)


def plain(value: Any) -> Any:
    """A value as it is written in a document: references as shorthand, at any depth."""
    if isinstance(value, ValueRef):
        return value.binding
    if isinstance(value, Term):
        return value.cel
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    return value
