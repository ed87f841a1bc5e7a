"""Base models of everything that crosses a process boundary: frozen, closed, versioned; and canonical JSON."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal, NewType, Self

from pydantic import BaseModel, ConfigDict, Field

TaskId = NewType("TaskId", str)
StepId = NewType("StepId", str)
AttemptId = NewType("AttemptId", str)
AgentName = NewType("AgentName", str)
NodeId = NewType("NodeId", str)
WorkKey = NewType("WorkKey", str)


class Model(BaseModel):
    """A frozen value. Unknown fields are errors, so a misspelt key is reported."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with other values, without cached properties, which belong to the old values."""
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied


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
    pieces: list[bytes] = []
    for part in parts:
        raw = part.encode()
        length = len(raw)
        pieces.append(_LENGTHS[length] if length < _SHORT else length.to_bytes(8, "little"))
        pieces.append(raw)
    return hashlib.blake2b(b"".join(pieces), digest_size=16).hexdigest()
