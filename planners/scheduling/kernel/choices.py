"""What list scheduling asks before it places steps: the cheapest modes at a price, and longest paths."""

import numpy as np

from planners.scheduling.kernel.memory import (
    CELLS,
    CHILD_FIRST,
    CHILDREN,
    COSTS,
    HEAP,
    MISSING,
    ON,
    STARTS,
    STEPS,
    TABLE_CELLS,
    TABLE_FIRST,
    USD,
    WIDTH,
)
from planners.scheduling.problem.arrays import Floats, Ints

# A price is found between two whose ratio is the step, which are bisected so often; none is lower or higher.
_STEP, _BISECTIONS = 4.0, 10
_MIN_PRICE, _MAX_PRICE = 1e-6, 1e12


def find_price(m: Ints, f: Floats, budget: float, guess: float) -> tuple[float, float]:
    """(price, dollars): the lowest price of a dollar at which the steps keep to a budget, and what they then spend.

    Each step takes the mode that costs least at the price; its number is noted in MISSING. The closer the guess, the
    sooner the price is found.
    """
    least, most, chosen = m[CELLS], m[ON], m[MISSING]
    forget(m, least, most)
    low, high = 0.0, guess
    spent = choose(m, f, high, least, most, chosen)
    if spent <= budget:
        most, chosen = chosen, most
        at_zero = choose(m, f, 0.0, least, most, chosen)
        if at_zero <= budget:
            copy(m, chosen, m[MISSING])
            return 0.0, at_zero
        least, chosen = chosen, least
        while low == 0.0 and high > _MIN_PRICE:
            lower = high / _STEP
            at_lower = choose(m, f, lower, least, most, chosen)
            if at_lower > budget:
                low = lower
                least, chosen = chosen, least
            else:
                high, spent = lower, at_lower
                most, chosen = chosen, most
    else:
        while spent > budget and high < _MAX_PRICE:
            least, chosen = chosen, least
            low, high = high, high * _STEP
            spent = choose(m, f, high, least, most, chosen)
        most, chosen = chosen, most
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        at_middle = choose(m, f, middle, least, most, chosen)
        if at_middle <= budget:
            high, spent = middle, at_middle
            most, chosen = chosen, most
        else:
            low = middle
            least, chosen = chosen, least
    copy(m, most, m[MISSING])
    return high, spent


def forget(m: Ints, lower: int, upper: int) -> None:
    """Note that no step is known to keep its mode."""
    for step in range(m[STEPS]):
        m[lower + step], m[upper + step] = -2, -1


def copy(m: Ints, source: int, target: int) -> None:
    """Copy a number for each step."""
    for step in range(m[STEPS]):
        m[target + step] = m[source + step]


def choose(m: Ints, f: Floats, price: float, lower: int, upper: int, noted: int) -> float:
    """Note the mode of each step that costs least at a price of a dollar, and return the dollars of all.

    A step with the same mode at a lower and at a higher price keeps it.
    """
    spent = 0.0
    width, first, cells, usd, costs = m[WIDTH], m[TABLE_FIRST], m[TABLE_CELLS], m[USD], m[COSTS]
    for step in range(m[STEPS]):
        low, chosen = cells + m[first + step], m[upper + step]
        if price == 0.0 or m[lower + step] != chosen:
            least, row = np.inf, costs + step * width
            for k in range(cells + m[first + step + 1] - low):
                cost = f[row + k] + price * f[usd + m[low + k]]
                if cost < least:
                    least, chosen = cost, k
        m[noted + step] = chosen
        if chosen >= 0:
            spent += f[usd + m[low + chosen]]
    return spent


def find_tails(m: Ints) -> None:
    """Note in HEAP the longest path from the start of each step to the end, of the durations in STARTS."""
    first, children, tails, durations = m[CHILD_FIRST], m[CHILDREN], m[HEAP], m[STARTS]
    for step in range(m[STEPS] - 1, -1, -1):
        after = 0
        for j in range(children + m[first + step], children + m[first + step + 1]):
            after = max(after, m[tails + m[j]])
        m[tails + step] = m[durations + step] + after


def find_path(m: Ints) -> int:
    """Note in MISSING the steps of the longest path, of the durations in STARTS; returns how many there are.

    Of equally long ones, it is that of the first step, and then of the first child each.
    """
    find_tails(m)
    first, children, tails, path = m[CHILD_FIRST], m[CHILDREN], m[HEAP], m[MISSING]
    step = 0
    for other in range(m[STEPS]):
        if m[tails + other] > m[tails + step]:
            step = other
    count = 0
    while step >= 0:
        m[path + count] = step
        count += 1
        following = -1
        for j in range(children + m[first + step], children + m[first + step + 1]):
            if following < 0 or m[tails + m[j]] > m[tails + following]:
                following = m[j]
        step = following
    return count
