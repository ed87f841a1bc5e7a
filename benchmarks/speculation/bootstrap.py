"""Confidence intervals of figures by the bootstrap: the same requests are drawn for all modes (Efron, 1979)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_DRAWS = 2_000
_OUTSIDE = (0.025, 0.975)


def share_interval(
    wait_s: Sequence[float], mode_s: Sequence[float], oracle_s: Sequence[float], seed: int = 0
) -> tuple[float, float]:
    """The 95 % percentile interval of (T_wait - T) / (T_wait - T_oracle) of the means; one entry per request each."""
    wait, mode, oracle = (np.asarray(values, dtype=float) for values in (wait_s, mode_s, oracle_s))
    drawn = _drawn(len(wait), seed)
    attainable = (wait - oracle)[drawn].sum(axis=1)
    shares = (wait - mode)[drawn].sum(axis=1) / np.where(attainable == 0, np.nan, attainable)
    low, high = np.nanquantile(shares, _OUTSIDE).tolist()
    return low, high


def slowdown_interval(mode_s: Sequence[float], other_s: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """The 95 % percentile interval of T / T_other - 1 of the means; one entry per request each."""
    mode, other = np.asarray(mode_s, dtype=float), np.asarray(other_s, dtype=float)
    drawn = _drawn(len(mode), seed)
    low, high = np.quantile(mode[drawn].sum(axis=1) / other[drawn].sum(axis=1) - 1, _OUTSIDE).tolist()
    return low, high


def _drawn(requests: int, seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, requests, (_DRAWS, requests))
