"""Confidence intervals of figures by the bootstrap: the same bursts of requests are drawn for all modes.

Requests that are played at once share the machine: what delays one delays the others, so not requests but bursts are
independent of each other (bootstrap: Efron, 1979; of blocks: Künsch, 1989). ``burst`` is the number of requests that
are played at once; the last burst may have fewer. With fewer than about ten bursts an interval is rough.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_DRAWS = 2_000
_OUTSIDE = (0.025, 0.975)


def share_interval(
    wait_s: Sequence[float], mode_s: Sequence[float], oracle_s: Sequence[float], burst: int = 1, seed: int = 0
) -> tuple[float, float] | None:
    """The 95 % percentile interval of (T_wait - T) / (T_wait - T_oracle) of the means; None for a single burst.

    Each sequence has one entry per request, in the order in which they were played.
    """
    wait, mode, oracle = (_of_bursts(values, burst) for values in (wait_s, mode_s, oracle_s))
    if (drawn := _drawn(len(wait), seed)) is None:
        return None
    attainable = (wait - oracle)[drawn].sum(axis=1)
    shares = (wait - mode)[drawn].sum(axis=1) / np.where(attainable == 0, np.nan, attainable)
    low, high = np.nanquantile(shares, _OUTSIDE).tolist()
    return low, high


def slowdown_interval(
    mode_s: Sequence[float], other_s: Sequence[float], burst: int = 1, seed: int = 0
) -> tuple[float, float] | None:
    """The 95 % percentile interval of T / T_other - 1 of the means; arguments and None as in `share_interval`."""
    mode, other = _of_bursts(mode_s, burst), _of_bursts(other_s, burst)
    if (drawn := _drawn(len(mode), seed)) is None:
        return None
    low, high = np.quantile(mode[drawn].sum(axis=1) / other[drawn].sum(axis=1) - 1, _OUTSIDE).tolist()
    return low, high


def _of_bursts(seconds: Sequence[float], burst: int) -> NDArray[np.float64]:
    """The sums of bursts: a mean over requests is a ratio of them."""
    return np.add.reduceat(np.asarray(seconds, dtype=float), range(0, len(seconds), burst))


def _drawn(bursts: int, seed: int) -> NDArray[np.int64] | None:
    return np.random.default_rng(seed).integers(0, bursts, (_DRAWS, bursts)) if bursts > 1 else None
