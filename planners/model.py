"""Base models of everything that crosses a process boundary: frozen, closed, versioned; and canonical JSON."""

import hashlib
import json
import sys
from collections import deque
from collections.abc import Iterable, Mapping
from itertools import repeat
from typing import Any, ClassVar, Literal, NewType, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field

TaskId = NewType("TaskId", str)
StepId = NewType("StepId", str)
AttemptId = NewType("AttemptId", str)
AgentName = NewType("AgentName", str)
NodeId = NewType("NodeId", str)
WorkKey = NewType("WorkKey", str)


# Which fields of a model were set, as pydantic keeps it for each instance. Copies that set the same fields share a set:
# they are frozen, and a set takes as much memory as all values of a step.
_FIELDS_SET: dict[frozenset[str], set[str]] = {}
# CPython shares no larger tables.
_MOST_SHARED = 29
_set = object.__setattr__
_put_dict, _put_fields_set, _put_extra, _put_private = (
    vars(BaseModel)[name].__set__
    for name in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
)


class Model(BaseModel):
    """A frozen value. Unknown fields are errors, so a misspelt key is reported."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    # Values whose table of names belongs to the class (PEP 412), as does that of all copies of this dictionary. The
    # values that pydantic gives to a model have a table of their own, which takes most of the memory of a small model.
    _sharing_names: ClassVar[dict[str, Any]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Fill the table of names now, because only the first instances of a class can add to it."""
        super().__pydantic_init_subclass__(**kwargs)
        first = cls.__new__(cls)
        if len(cls.__pydantic_fields__) <= _MOST_SHARED:
            for name in cls.__pydantic_fields__:
                _set(first, name, None)
        cls._sharing_names = first.__dict__
        if sys.version_info >= (3, 13):  # a table that is shared stays as large as it may become
            own: dict[str, Any] = dict.fromkeys(tuple(cls.__pydantic_fields__))  # that of a mapping is larger
            cls._sharing_names = min(cls._sharing_names, own, key=sys.getsizeof)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with other values, without cached properties, which belong to the old values."""
        if deep:
            return type(self).model_copy(super().model_copy(deep=True), update=update)
        fields, own = type(self).__pydantic_fields__, self.__dict__
        values = own.copy() if own.keys() == fields.keys() else {name: own[name] for name in fields if name in own}
        fields_set = self.__pydantic_fields_set__
        if update:
            values |= {name: value for name, value in update.items() if name in fields}
            fields_set = fields_set | update.keys()
        # As pydantic does it, in a third of the time: there are no extra fields and no private attributes.
        copied = type(self).__new__(type(self))
        _set(copied, "__dict__", values)
        _set(copied, "__pydantic_fields_set__", _FIELDS_SET.setdefault(frozenset(fields_set), fields_set))
        _set(copied, "__pydantic_extra__", None)
        _set(copied, "__pydantic_private__", None)
        return copied


_AnyModel = TypeVar("_AnyModel", bound=Model)


def lean(model: _AnyModel) -> _AnyModel:
    """The same model, for those of which a run keeps thousands.

    It shares with others which fields were set, and the names of its fields. So do its copies.
    """
    _set(model, "__dict__", _sharing(type(model), model.__dict__))
    fields_set = model.__pydantic_fields_set__
    _set(model, "__pydantic_fields_set__", _FIELDS_SET.setdefault(frozenset(fields_set), fields_set))
    return model


def unchecked(kind: type[_AnyModel], values: dict[str, Any], fields_set: frozenset[str]) -> _AnyModel:
    """A lean model of values that the caller vouches for, as `lean` makes it, in a fifth of the time of a validation.

    Args:
        kind: the model.
        values: the value of every field.
        fields_set: the names of the fields that count as set, not as defaults.
    """
    if (shared := _FIELDS_SET.get(fields_set)) is None:
        shared = _FIELDS_SET[fields_set] = set(fields_set)
    model = kind.__new__(kind)
    _set(model, "__dict__", _sharing(kind, values))
    _set(model, "__pydantic_fields_set__", shared)
    _set(model, "__pydantic_extra__", None)
    _set(model, "__pydantic_private__", None)
    return model


def all_unchecked(kind: type[_AnyModel], each: Iterable[dict[str, Any]], fields_set: frozenset[str]) -> list[_AnyModel]:
    """`unchecked` for the values of many models, in a third of the time. Each is a filled copy of a blank."""
    if (shared := _FIELDS_SET.get(fields_set)) is None:
        shared = _FIELDS_SET[fields_set] = set(fields_set)
    owns = list(each)
    models = list(map(kind.__new__, repeat(kind, len(owns))))
    # Without a line of Python for each model.
    deque(map(_put_dict, models, owns), 0)
    deque(map(_put_fields_set, models, repeat(shared)), 0)
    deque(map(_put_extra, models, repeat(None)), 0)
    deque(map(_put_private, models, repeat(None)), 0)
    return models


def blank(kind: type[Model]) -> dict[str, Any]:
    """A dictionary of the fields of a model, without their values. Copies share the table of names."""
    return kind._sharing_names  # noqa: SLF001 -- of this module


def _sharing(kind: type[Model], values: dict[str, Any]) -> dict[str, Any]:
    """The same values, with the table of names of their class if they are those of all fields and nothing else."""
    names = kind._sharing_names  # noqa: SLF001 -- of this module
    if len(values) != len(names):
        return values
    shared = names.copy()
    shared.update(values)
    return shared if len(shared) == len(values) else values


class Measured(Model):
    """A value with amounts, all of them finite. A limit that does not apply is left out."""

    model_config = ConfigDict(allow_inf_nan=False)


class Versioned(Model):
    """A value that is stored, or sent between processes of possibly different releases."""

    v: Literal[1] = Field(default=1, description="Version of this document's form")


# json.dumps with options creates an encoder per call, and work keys need thousands of texts per plan.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical_json(value: Any) -> str:
    """The canonical JSON text of a value: sorted keys, no spaces. Equal values have equal texts."""
    return _CANONICAL.encode(value)


# A plan needs thousands of digests, nearly all of short parts.
_SHORT = 128
_LENGTHS = tuple(length.to_bytes(8, "little") for length in range(_SHORT))


def digest(*parts: str) -> str:
    """128-bit BLAKE2b of the parts in hexadecimal. Each part is length-prefixed, so different splits do not collide."""
    return digest_of(framed(parts))


def framed(parts: Iterable[str]) -> bytes:
    """The parts as `digest` reads them; those of two sequences one after the other are those of both together."""
    pieces: list[bytes] = []
    for part in parts:
        raw = part.encode()
        length = len(raw)
        pieces += (_LENGTHS[length] if length < _SHORT else length.to_bytes(8, "little"), raw)
    return b"".join(pieces)


def digest_of(parts: bytes) -> str:
    """The digest of framed parts."""
    return hashlib.blake2b(parts, digest_size=16).hexdigest()
