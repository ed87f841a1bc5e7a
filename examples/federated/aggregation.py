"""How the changes of clients become one: weighted mean, median, trimmed mean, and how odd each client's change is."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from examples.federated.model import Vector

_TRIMMED = 0.3  # of each end
_ODD = 3.0  # median absolute deviations


class Rule(StrEnum):
    """The rule: the mean weighted by examples, or one that some wrong clients cannot move far."""

    MEAN = "mean"
    MEDIAN = "median"
    TRIMMED_MEAN = "trimmed_mean"


def combined(changes: Sequence[Vector], weights: Sequence[float], rule: Rule) -> Vector:
    """One change (n,) of several (each (n,))."""
    stacked = np.stack(changes)
    if rule is Rule.MEAN:
        return np.average(stacked, axis=0, weights=weights).astype(np.float32)
    if rule is Rule.MEDIAN:
        return np.median(stacked, axis=0).astype(np.float32)
    ordered = np.sort(stacked, axis=0)
    cut = int(len(changes) * _TRIMMED)
    return np.asarray(ordered[cut : len(ordered) - cut].mean(axis=0), np.float32)


def anomaly_scores(changes: Sequence[Vector]) -> NDArray[np.float64]:
    """How odd each change is, in median absolute deviations of the worse of two measures.

    The measures are its length (in logarithms), and its angle to the median of the changes scaled to length 1.
    """
    stacked = np.stack(changes).astype(np.float64)
    lengths = np.linalg.norm(stacked, axis=1) + 1e-12
    unit = stacked / lengths[:, None]
    centre = np.median(unit, axis=0)
    angles = -(unit @ centre) / (np.linalg.norm(centre) + 1e-12)
    return np.maximum(_deviations(np.log(lengths)), _deviations(angles))


def trusted(changes: Sequence[Vector], most: float = _ODD) -> list[int]:
    """The positions of the changes that are not odd; at least half of all."""
    scores = anomaly_scores(changes)
    order = np.argsort(scores)
    least = (len(changes) + 1) // 2
    return sorted(int(each) for rank, each in enumerate(order) if rank < least or scores[each] <= most)


def _deviations(values: NDArray[np.float64]) -> NDArray[np.float64]:
    centre = np.median(values)
    spread = np.median(np.abs(values - centre)) + 1e-12
    return np.asarray(np.maximum(0.0, (values - centre) / (1.4826 * spread)))
