"""Confidence intervals of shares by the bootstrap: the same requests are drawn for all modes (Efron, 1979)."""

from collections.abc import Sequence

import numpy as np

_DRAWS = 2_000
_OUTSIDE = (0.025, 0.975)


def share_interval(
    wait_s: Sequence[float], mode_s: Sequence[float], oracle_s: Sequence[float], seed: int = 0
) -> tuple[float, float]:
    """The 95 % percentile interval of (T_wait - T) / (T_wait - T_oracle) of the means; one entry per request each."""
    wait, mode, oracle = (np.asarray(values, dtype=float) for values in (wait_s, mode_s, oracle_s))
    drawn = np.random.default_rng(seed).integers(0, len(wait), (_DRAWS, len(wait)))
    attainable = (wait - oracle)[drawn].sum(axis=1)
    shares = (wait - mode)[drawn].sum(axis=1) / np.where(attainable == 0, np.nan, attainable)
    low, high = np.nanquantile(shares, _OUTSIDE).tolist()
    return low, high
