"""Passes over all steps: the serial schedule generation scheme, replays, and what they are ordered by."""

import numpy as np

from planners.scheduling.kernel.memory import (
    BUDGET,
    BY_SCORE,
    CELL,
    CELLS,
    CHILD_FIRST,
    CHILDREN,
    COSTS,
    DURATION,
    END,
    ENDS,
    GROUP_FIRST,
    GROUP_NODES,
    HEAP,
    KIND,
    KIND_GROUP,
    KIND_LAG,
    KIND_RUNS,
    LATEST,
    MISSING,
    ON,
    ORDER,
    PARENT_FIRST,
    PRIORITY,
    RANGES,
    READY,
    RESERVED,
    SCORES,
    SHORTEST,
    SPENT,
    STARTS,
    STEPS,
    TABLE_CELLS,
    TABLE_FIRST,
    TAILS,
    USD,
    WIDTH,
)
from planners.scheduling.kernel.placement import earliest, earliest_on, find_ready, not_before, place, ready_on
from planners.scheduling.problem.arrays import Floats, Ints

# What `serial` returns, besides the number of a step without modes.
DONE, CUT_OFF = -1, -2
# How steps share a budget: not at all, as needed, or by the range of their costs.
UNLIMITED, AS_NEEDED, SPREAD = range(3)


def serial(m: Ints, f: Floats, per_quantum: float, end_weight: float, sharing: int, cutoff: float) -> int:
    """Place the steps that are not placed yet, in their order, each in the mode of least score.

    BUDGET has what is left, what is reserved for the steps that are left, and the sum of their ranges.
    """
    for at in range(m[STEPS]):
        step = m[m[ORDER] + at]
        if m[m[CELL] + step] >= 0:
            continue
        cell, node, start = select(m, f, step, per_quantum, end_weight, allowance(m, f, step, sharing))
        if cell < 0:
            return int(step)
        after = m[m[TAILS] + step] - f[m[SHORTEST] + step]
        if start + m[m[DURATION] + cell] + after > cutoff:
            return CUT_OFF
        place(m, f, step, cell, node, start)
        if sharing != UNLIMITED:
            f[m[BUDGET] + 1] -= f[m[RESERVED] + step]
            f[m[BUDGET] + 2] -= f[m[RANGES] + step]
    return DONE


def allowance(m: Ints, f: Floats, step: int, sharing: int) -> float:
    """What the next step may cost so that the others can afford what is reserved for them."""
    if sharing == UNLIMITED:
        return np.inf
    spare = f[m[BUDGET]] - f[m[SPENT]] - f[m[BUDGET] + 1]
    if sharing == SPREAD and f[m[BUDGET] + 2] > 0:
        spare *= f[m[RANGES] + step] / f[m[BUDGET] + 2]
    most: float = (f[m[RESERVED] + step] + spare) * (1 + 1e-12) + 1e-12
    return most


def select(
    m: Ints, f: Floats, step: int, per_quantum: float, end_weight: float, most_usd: float
) -> tuple[int, int, int]:
    """(cell, node, start) of least score among the affordable modes; the cheapest mode where none is affordable."""
    low, costs, usd, durations = m[m[TABLE_FIRST] + step], m[COSTS] + step * m[WIDTH], m[USD], m[DURATION]
    count, cells, by_score = m[m[TABLE_FIRST] + step + 1] - low, m[TABLE_CELLS] + low, m[BY_SCORE]
    find_ready(m, step)
    soonest, latest, kinds = m[m[READY]], f[m[LATEST] + step], m[KIND]
    per_end, before = per_quantum * end_weight, 0.0
    is_late = soonest + f[m[SHORTEST] + step] >= latest
    sort_modes(m, f, step, per_quantum * (1 + end_weight) if is_late or end_weight == 0 else per_end)
    if is_late:
        before, latest = per_quantum * latest, np.inf
        per_end += per_quantum
    least, chosen, best_node, best_start = np.inf, -1, -1, -1
    for at in range(count):
        k = m[by_score + at]
        cell = m[cells + k]
        duration, own = m[durations + cell], f[costs + k] - before
        if own + per_end * (soonest + duration) > least:
            break
        if f[usd + cell] > most_usd:
            continue
        end = not_before(m, m[kinds + cell], soonest, duration) + duration
        if own + per_end * end + (per_quantum * (end - latest) if end > latest else 0.0) > least:
            continue
        start, node = earliest(m, cell)
        end = start + duration
        value = own + per_end * end + (per_quantum * (end - latest) if end > latest else 0.0)
        if value < least or (value == least and k < chosen):
            least, chosen, best_node, best_start = value, k, node, start
    if chosen < 0:
        for k in range(count):
            if chosen < 0 or f[usd + m[cells + k]] < f[usd + m[cells + chosen]]:
                chosen = k
        if chosen < 0:
            return -1, -1, -1
        best_start, best_node = earliest(m, m[cells + chosen])
    return int(m[cells + chosen]), best_node, best_start


def sort_modes(m: Ints, f: Floats, step: int, per_quantum: float) -> None:
    """Note the modes of a step in BY_SCORE, by what they score if they take only their duration, then by number.

    Behind them is how many there are: modes of the last step are in an order that mostly needs few changes.
    """
    low, costs, durations = m[m[TABLE_FIRST] + step], m[COSTS] + step * m[WIDTH], m[DURATION]
    cells, scores, by_score, count = m[TABLE_CELLS] + low, m[SCORES], m[BY_SCORE], m[m[TABLE_FIRST] + step + 1] - low
    if m[by_score + m[WIDTH]] != count:
        m[by_score + m[WIDTH]] = count
        for k in range(count):
            m[by_score + k] = k
    for i in range(count):
        k, at = m[by_score + i], i
        score = f[costs + k] + per_quantum * m[durations + m[cells + k]]
        while at > 0 and (f[scores + at - 1] > score or (f[scores + at - 1] == score and m[by_score + at - 1] > k)):
            f[scores + at] = f[scores + at - 1]
            m[by_score + at] = m[by_score + at - 1]
            at -= 1
        f[scores + at] = score
        m[by_score + at] = k


def place_all(m: Ints, f: Floats) -> None:
    """Place the steps whose cell is known where and when they are known to start.

    They are placed in their order: pieces of capacity that come last are added soonest.
    """
    for at in range(m[STEPS]):
        step = m[m[ORDER] + at]
        if m[m[CELLS] + step] >= 0:
            place(m, f, step, m[m[CELLS] + step], m[m[ON] + step], m[m[STARTS] + step])


def replay(m: Ints, f: Floats) -> None:
    """Place every step in its cell, on its node or on the first free one; attempts in flight first."""
    for step in range(m[STEPS]):
        cell = m[m[CELLS] + step]
        kind = m[m[KIND] + cell]
        if m[m[KIND_RUNS] + kind] == 1:
            node = m[m[GROUP_NODES] + m[m[GROUP_FIRST] + m[m[KIND_GROUP] + kind]]]
            place(m, f, step, cell, node, earliest_on(m, kind, node, 0, m[m[DURATION] + cell]))
    for at in range(m[STEPS]):
        step = m[m[ORDER] + at]
        if m[m[CELL] + step] >= 0:
            continue
        cell, node = m[m[CELLS] + step], m[m[ON] + step]
        find_ready(m, step)
        if node < 0:
            start, node = earliest(m, cell)
        else:
            start = earliest_on(m, m[m[KIND] + cell], node, ready_on(m, node), m[m[DURATION] + cell])
        place(m, f, step, cell, node, start)


def mirror(m: Ints, f: Floats) -> None:
    """The same in reversed time, every step after its children; the memory has the reversed capacities."""
    for at in range(m[STEPS]):
        step, ready = m[m[ORDER] + at], 0
        cell, node = m[m[CELLS] + step], m[m[ON] + step]
        kind = m[m[KIND] + cell]
        for j in range(m[m[CHILD_FIRST] + step], m[m[CHILD_FIRST] + step + 1]):
            child = m[m[CHILDREN] + j]
            lag = 0 if m[m[ON] + child] == node else m[m[KIND_LAG] + kind]
            ready = max(ready, m[m[END] + child] + lag)
        place(m, f, step, cell, node, earliest_on(m, kind, node, ready, m[m[DURATION] + cell]))


def latest_ends(m: Ints, f: Floats, until: float) -> None:
    """Note in ENDS the latest end of each step by which all have ended at ``until`` if only precedence matters."""
    cells, on, ends, durations = m[CELLS], m[ON], m[ENDS], m[DURATION]
    first, children = m[CHILD_FIRST], m[CHILDREN]
    for step in range(m[STEPS] - 1, -1, -1):
        node, latest = m[on + step], until
        lag = m[m[KIND_LAG] + m[m[KIND] + m[cells + step]]]
        for j in range(children + m[first + step], children + m[first + step + 1]):
            child = m[j]
            start = f[ends + child] - m[durations + m[cells + child]]
            if m[on + child] != node:
                start -= lag
            latest = min(latest, start)
        f[ends + step] = latest


def order_steps(m: Ints, f: Floats) -> None:
    """Note in ORDER parents before children; of steps whose parents are there, that of the highest PRIORITY first."""
    size = 0
    for step in range(m[STEPS]):
        m[m[MISSING] + step] = m[m[PARENT_FIRST] + step + 1] - m[m[PARENT_FIRST] + step]
        if m[m[MISSING] + step] == 0:
            size = push(m, f, size, step)
    for at in range(m[STEPS]):
        step = pop(m, f, size)
        size -= 1
        m[m[ORDER] + at] = step
        for j in range(m[m[CHILD_FIRST] + step], m[m[CHILD_FIRST] + step + 1]):
            child = m[m[CHILDREN] + j]
            m[m[MISSING] + child] -= 1
            if m[m[MISSING] + child] == 0:
                size = push(m, f, size, child)


def precedes(m: Ints, f: Floats, step: int, other: int) -> bool:
    """Whether a step comes before another one: by priority, then by number."""
    mine, its = f[m[PRIORITY] + step], f[m[PRIORITY] + other]
    return bool(mine > its or (mine == its and step < other))


def push(m: Ints, f: Floats, size: int, step: int) -> int:
    """Add a step to the heap; returns its new size."""
    at, heap = size, m[HEAP]
    while at > 0:
        above = (at - 1) >> 1
        if not precedes(m, f, step, m[heap + above]):
            break
        m[heap + at] = m[heap + above]
        at = above
    m[heap + at] = step
    return size + 1


def pop(m: Ints, f: Floats, size: int) -> int:
    """Take the first step from the heap, which has this size."""
    heap, at = m[HEAP], 0
    first, step = m[heap], m[heap + size - 1]
    while True:
        below = 2 * at + 1
        if below >= size - 1:
            break
        if below + 1 < size - 1 and precedes(m, f, m[heap + below + 1], m[heap + below]):
            below += 1
        if not precedes(m, f, m[heap + below], step):
            break
        m[heap + at] = m[heap + below]
        at = below
    m[heap + at] = step
    return int(first)
