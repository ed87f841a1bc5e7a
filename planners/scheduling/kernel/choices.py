"""What list scheduling asks before it places steps: the cheapest modes at a price, and longest paths."""

import numpy as np

from planners.scheduling.kernel.memory import (
    CHILD_FIRST,
    CHILDREN,
    COSTS,
    HEAP,
    MISSING,
    STARTS,
    STEPS,
    TABLE_CELLS,
    TABLE_FIRST,
    USD,
    WIDTH,
)
from planners.scheduling.problem.arrays import Floats, Ints


def choose(m: Ints, f: Floats, price: float) -> float:
    """Note in MISSING the mode of each step that costs least at a price of a dollar, and return their dollars."""
    spent = 0.0
    for step in range(m[STEPS]):
        low, least, chosen, usd = m[m[TABLE_FIRST] + step], np.inf, 0, 0.0
        for k in range(m[m[TABLE_FIRST] + step + 1] - low):
            own = f[m[USD] + m[m[TABLE_CELLS] + low + k]]
            cost = f[m[COSTS] + step * m[WIDTH] + k] + price * own
            if cost < least:
                least, chosen, usd = cost, k, own
        m[m[MISSING] + step] = chosen
        spent += usd
    return spent


def find_tails(m: Ints) -> None:
    """Note in HEAP the longest path from the start of each step to the end, of the durations in STARTS."""
    for step in range(m[STEPS] - 1, -1, -1):
        after = 0
        for j in range(m[m[CHILD_FIRST] + step], m[m[CHILD_FIRST] + step + 1]):
            after = max(after, m[m[HEAP] + m[m[CHILDREN] + j]])
        m[m[HEAP] + step] = m[m[STARTS] + step] + after
