"""What is known of the type of a value before anything runs."""

from dataclasses import dataclass
from enum import StrEnum


class ValueKind(StrEnum):
    """A type without parts that are known. Numbers are of any kind: JSON does not tell 1 from 1.0, and CEL does."""

    ANY = "dyn"
    TEXT = "string"
    BOOLEAN = "bool"
    LIST = "list"
    OBJECT = "map"


@dataclass(frozen=True, slots=True)
class ListType:
    """A list of values of one type."""

    of: "ValueType"


@dataclass(frozen=True, slots=True)
class RecordType:
    """An object whose fields are known, by name. ``nullable``: there may be null in its place."""

    fields: tuple[tuple[str, "ValueType"], ...]
    nullable: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its fields."""
        return tuple(name for name, _ in self.fields)


ValueType = ValueKind | ListType | RecordType


def kind_of_type(known: ValueType) -> ValueKind:
    """The type without its parts."""
    if isinstance(known, ListType):
        return ValueKind.LIST
    if isinstance(known, RecordType):
        return ValueKind.ANY if known.nullable else ValueKind.OBJECT
    return known


def merged(one: ValueType, other: ValueType) -> ValueType:
    """The type of a value that is of either type: a record has the fields of both."""
    if one == other:
        return one
    match one, other:
        case RecordType(), RecordType():
            fields = dict(one.fields)
            for name, of in other.fields:
                fields[name] = merged(fields[name], of) if name in fields else of
            return RecordType(tuple(fields.items()), one.nullable or other.nullable)
        case ListType(), ListType():
            return ListType(merged(one.of, other.of))
    kind = kind_of_type(one)
    return kind if kind is kind_of_type(other) else ValueKind.ANY
