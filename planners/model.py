"""The base of everything that crosses a process: frozen, closed, versioned."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal, NewType, Self

from pydantic import BaseModel, ConfigDict

TaskId = NewType("TaskId", str)
StepId = NewType("StepId", str)
AttemptId = NewType("AttemptId", str)
AgentName = NewType("AgentName", str)
NodeId = NewType("NodeId", str)
WorkKey = NewType("WorkKey", str)


class Model(BaseModel):
    """A frozen value. Unknown fields are refused, so a misspelt key is an error that names it."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with other values. Cached properties are left behind: they speak of the old values."""
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied


class Measured(Model):
    """A value with amounts: all of them finite. Who wants no limit leaves it out."""

    model_config = ConfigDict(allow_inf_nan=False)


class Versioned(Model):
    """A value that is stored or sent between processes of possibly different releases."""

    v: Literal[1] = 1


# Made once: json.dumps with options makes an encoder a call, and work keys ask for thousands of texts a plan.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical_json(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces. Equal values have equal texts."""
    return _CANONICAL.encode(value)


def digest(*parts: str) -> str:
    """128-bit BLAKE2b of the parts, each length-prefixed so that no two splits collide; hexadecimal."""
    h = hashlib.blake2b(digest_size=16)
    for part in parts:
        raw = part.encode()
        h.update(len(raw).to_bytes(8, "little"))
        h.update(raw)
    return h.hexdigest()
