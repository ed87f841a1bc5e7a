"""Dual feasible functions: what a call takes of a window of time if no part of it can be used twice.

A call of more than half of a window leaves no room for another one like it on the same core, although the two need less
than two windows. A function of shares of a window is dual feasible if shares that sum to at most 1 have values that do.
So its values may replace the shares in any constraint on work. Here: the functions of Fekete and Schepers (2001),
doi:10.1007/s101070100243.
"""

import numpy as np
from numpy.typing import NDArray

# The orders of the functions: that of order k rounds shares to multiples of 1 / k.
ORDERS = (1, 2, 3, 4)
# So that rounding errors never make a call take more: shares of just a multiple of 1 / (k + 1) count as less.
_ROUNDING = 1e-9


def rounded_shares(shares: NDArray[np.float64], order: int) -> NDArray[np.float64]:
    """For order k, the largest multiple of 1 / k that a share x takes for certain: floor((k + 1) x) / k."""
    rounded: NDArray[np.float64] = np.floor((order + 1) * shares - _ROUNDING) / order
    return rounded
