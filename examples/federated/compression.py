"""Sparse, quantised updates: the largest changes only, each in one byte."""

import base64

import numpy as np
from pydantic import BaseModel

from examples.federated.model import SIZE, Vector

_LEVELS = 127


class SparseUpdate(BaseModel):
    """The positions and the rounded values of the largest changes.

    Attributes:
        scale: the largest change; a value is ``scale`` times its byte over 127.
        positions: base64 of two bytes each.
        values: base64 of a signed byte each.
    """

    scale: float
    positions: str
    values: str

    @property
    def size_bytes(self) -> int:
        """What it takes on the wire, without base64: four bytes for the scale, three for each change."""
        return 4 + 3 * (len(base64.b64decode(self.values)))


def compressed(change: Vector, share: float) -> SparseUpdate:
    """A share (0..1) of the changes, those that are largest."""
    kept = max(1, int(len(change) * share))
    positions = np.sort(np.argpartition(np.abs(change), -kept)[-kept:]).astype("<u2")
    values = change[positions]
    scale = float(np.abs(values).max()) or 1.0
    rounded = np.rint(values / scale * _LEVELS).astype("i1")
    return SparseUpdate(
        scale=scale,
        positions=base64.b64encode(positions.tobytes()).decode(),
        values=base64.b64encode(rounded.tobytes()).decode(),
    )


def restored(update: SparseUpdate) -> Vector:
    """The change, shape (SIZE,); what was left out is 0.

    Raises:
        ValueError: a position is none of the model's.
    """
    positions = np.frombuffer(base64.b64decode(update.positions), "<u2")
    values = np.frombuffer(base64.b64decode(update.values), "i1").astype(np.float32)
    if len(positions) != len(values) or (len(positions) and positions.max() >= SIZE):
        raise ValueError("an update names parameters that the model does not have")
    change = np.zeros(SIZE, np.float32)
    change[positions] = values * np.float32(update.scale / _LEVELS)
    return change
