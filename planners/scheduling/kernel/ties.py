"""Better agents, and the placements that a hint prefers, at no cost: `list_scheduling.tie_breaking` on arrays."""

from planners.scheduling.kernel.memory import (
    BEGIN,
    CANDIDATE_NODES,
    CANDIDATES,
    CELL,
    CELL_FIRST,
    CELLS,
    CHILD_FIRST,
    CHILDREN,
    DEMAND,
    DURATION,
    FREE,
    GAPS,
    GROUP_FIRST,
    GROUP_NODES,
    GROUP_OF,
    GUARD,
    KEPT,
    KIND,
    KIND_DEMAND,
    KIND_GROUP,
    KIND_LAG,
    KIND_RUNS,
    KNOWN,
    NODE,
    NODES,
    ON,
    OPENS,
    PRODUCED,
    PRODUCER,
    QUALITY,
    READY,
    SAVED,
    SINCE,
    SIZE,
    SPENT,
    START,
    STEPS,
    TIMES,
    USD,
    USE_FIRST,
)
from planners.scheduling.kernel.placement import (
    NEVER,
    earliest_on,
    find_ready,
    first_in_limits,
    place,
    ready_on,
    remove,
    restore_known,
    save_known,
)
from planners.scheduling.kernel.profiles import fits, in_gap, piece_at, window
from planners.scheduling.problem.arrays import Floats, Ints


def break_ties(m: Ints, f: Floats, makespan: int, most_usd: float, usd_counts: bool) -> None:
    """Reassign what can be improved, the last step first.

    CELLS and ON have the preferred placement of each step, or -1. ``most_usd`` is what the whole schedule may cost.
    """
    for step in range(m[STEPS] - 1, -1, -1):
        if m[m[KEPT] + step] == 0 and is_improvable(m, f, step):
            reassign(m, f, step, makespan, most_usd, usd_counts)


def is_improvable(m: Ints, f: Floats, step: int) -> bool:
    """Whether there is a better agent or an unmet preference."""
    cell, preferred = m[m[CELL] + step], m[m[CELLS] + step]
    quality = quality_of(m, f, cell)
    for other in range(m[m[CELL_FIRST] + step], m[m[CELL_FIRST] + step + 1]):
        if quality_of(m, f, other) > quality:
            return True
    return bool(preferred >= 0 and (preferred != cell or m[m[ON] + step] != m[m[NODE] + step]))


def quality_of(m: Ints, f: Floats, cell: int) -> float:
    """The quality of the agent of a cell."""
    quality: float = f[m[QUALITY] + m[m[KIND] + cell]]
    return quality


def reassign(m: Ints, f: Floats, step: int, makespan: int, most_usd: float, usd_counts: bool) -> None:
    """Place a step again, in the first candidate that delays nothing; where it was if there is none."""
    cell, node, start = m[m[CELL] + step], m[m[NODE] + step], m[m[START] + step]
    find_ready(m, step)
    latest = latest_end_anywhere(m, step, makespan)
    count = find_candidates(m, f, step, latest, most_usd, usd_counts)
    if count == 0:
        return
    save_known(m, node)
    remove(m, f, step)
    for at in range(count):
        new, on = m[m[CANDIDATES] + at], m[m[CANDIDATE_NODES] + at]
        duration = m[m[DURATION] + new]
        if on < 0:
            begin, on = fit(m, new, latest - duration)
        else:
            begin = earliest_on(m, m[m[KIND] + new], on, ready_on(m, on), duration)
        if begin >= 0 and begin + duration <= latest_end(m, step, new, on, makespan):
            place(m, f, step, new, on, begin)
            return
    place(m, f, step, cell, node, start)
    restore_known(m, node)


def find_candidates(m: Ints, f: Floats, step: int, latest: int, most_usd: float, usd_counts: bool) -> int:
    """Note the better cells in CANDIDATES, best first (by quality, preference, cost); returns how many there are."""
    quality, count = quality_of(m, f, m[m[CELL] + step]), 0
    for cell in range(m[m[CELL_FIRST] + step], m[m[CELL_FIRST] + step + 1]):
        if quality_of(m, f, cell) > quality and is_possible(m, f, step, cell, latest, most_usd, usd_counts):
            count = insert(m, f, count, cell, -1)
    cell = m[m[CELLS] + step]
    if cell >= 0 and quality_of(m, f, cell) >= quality and is_possible(m, f, step, cell, latest, most_usd, usd_counts):
        count = insert(m, f, count, cell, m[m[ON] + step])
    return count


def is_possible(m: Ints, f: Floats, step: int, cell: int, latest: int, most_usd: float, usd_counts: bool) -> bool:
    """Whether a new attempt could end in time, and keeps the cost part of the objective and the budget."""
    if m[m[KIND_RUNS] + m[m[KIND] + cell]] == 1 or m[m[READY]] + m[m[DURATION] + cell] > latest:
        return False
    usd, current = f[m[USD] + cell], f[m[USD] + m[m[CELL] + step]]
    if usd_counts and usd > current:
        return False
    return bool(usd <= current or f[m[SPENT]] - current + usd <= most_usd)


def insert(m: Ints, f: Floats, count: int, cell: int, node: int) -> int:
    """Add a candidate where it belongs; returns how many there are."""
    at, cells, nodes = count, m[CANDIDATES], m[CANDIDATE_NODES]
    while at > 0 and is_better(m, f, cell, node, m[cells + at - 1], m[nodes + at - 1]):
        m[cells + at], m[nodes + at] = m[cells + at - 1], m[nodes + at - 1]
        at -= 1
    m[cells + at], m[nodes + at] = cell, node
    return count + 1


def is_better(m: Ints, f: Floats, cell: int, node: int, other: int, other_node: int) -> bool:
    """Whether a candidate comes before another one."""
    quality, its = quality_of(m, f, cell), quality_of(m, f, other)
    if quality != its:
        return quality > its
    if (node < 0) != (other_node < 0):
        return node >= 0
    if f[m[USD] + cell] != f[m[USD] + other]:
        return bool(f[m[USD] + cell] < f[m[USD] + other])
    return bool(m[m[DURATION] + cell] < m[m[DURATION] + other])


def latest_end_anywhere(m: Ints, step: int, makespan: int) -> int:
    """The latest end that delays no child, without transfers."""
    latest = makespan
    for j in range(m[m[CHILD_FIRST] + step], m[m[CHILD_FIRST] + step + 1]):
        child = m[m[CHILDREN] + j]
        if m[m[KIND_RUNS] + m[m[KIND] + m[m[CELL] + child]]] == 0:
            latest = min(latest, m[m[START] + child])
    return latest


def latest_end(m: Ints, step: int, cell: int, node: int, makespan: int) -> int:
    """The latest end in this cell on this node that delays no child."""
    latest, lag = makespan, m[m[KIND_LAG] + m[m[KIND] + cell]]
    for j in range(m[m[CHILD_FIRST] + step], m[m[CHILD_FIRST] + step + 1]):
        child = m[m[CHILDREN] + j]
        if m[m[KIND_RUNS] + m[m[KIND] + m[m[CELL] + child]]] == 0:
            latest = min(latest, m[m[START] + child] - (0 if m[m[NODE] + child] == node else lag))
    return latest


def fit(m: Ints, cell: int, latest: int) -> tuple[int, int]:
    """(start, node): the first node on which the step asked about last can start by ``latest``; -1 if there is none."""
    kind, duration = m[m[KIND] + cell], m[m[DURATION] + cell]
    group, demand = m[m[KIND_GROUP] + kind], m[m[KIND_DEMAND] + kind]
    for at in range(m[m[READY] + 2]):
        node = m[m[PRODUCER] + at]
        if m[m[GROUP_OF] + node] == group and m[m[PRODUCED] + at] <= latest:
            start = start_by(m, kind, node, m[m[PRODUCED] + at], latest, duration)
            if start >= 0:
                return start, node
    ready = m[m[READY] + 1]
    if m[m[USE_FIRST] + kind + 1] > m[m[USE_FIRST] + kind] and ready <= latest:
        ready = first_in_limits(m, kind, ready, latest, duration)
    if ready > latest:
        return -1, -1
    if demand < 0 or duration == 0:
        return ready, m[m[GROUP_NODES] + m[m[GROUP_FIRST] + group]]
    for j in range(m[m[GROUP_FIRST] + group], m[m[GROUP_FIRST] + group + 1]):
        start = start_by(m, kind, m[m[GROUP_NODES] + j], ready, latest, duration)
        if start >= 0:
            return start, m[m[GROUP_NODES] + j]
    return -1, -1


def start_by(m: Ints, kind: int, node: int, ready: int, latest: int, duration: int) -> int:
    """The first start on a node from ``ready`` to ``latest``, or -1."""
    start = fits_by(m, m[m[KIND_DEMAND] + kind], node, ready, latest, duration)
    if start < 0 or m[m[USE_FIRST] + kind + 1] == m[m[USE_FIRST] + kind]:
        return start
    start = earliest_on(m, kind, node, start, duration)
    return start if start <= latest else -1


def fits_by(m: Ints, demand: int, node: int, ready: int, latest: int, duration: int) -> int:
    """The same if only the node matters."""
    if duration == 0 or demand < 0:
        return ready
    w = demand * m[NODES] + node
    if m[m[KNOWN] + w] == 0 and node != m[m[SAVED]]:
        window(m, demand, node)
        in_gap(m, demand, node, 0, NEVER, NEVER)  # which finds the longest gap
    if m[m[KNOWN] + w] == 1:
        opens = m[m[OPENS] + w]
        if opens <= ready:
            return ready
        if duration > m[m[GAPS] + w] and ready >= m[m[SINCE] + w]:
            return int(opens) if opens <= latest else -1
    amount, guard, times, free = m[m[DEMAND] + demand], m[m[GUARD] + node], m[TIMES], m[FREE]
    last = m[m[BEGIN] + node] + m[m[SIZE] + node] - 1
    if ready + duration > latest and not fits(m, piece_at(m, node, latest), guard, amount):
        return -1
    start, i = ready, piece_at(m, node, ready)
    while start <= latest:
        while i < last and ((m[free + i] | guard) - amount) & guard != guard:
            i += 1
            start = m[times + i]
            if start > latest:
                return -1
        end = start + duration
        while i < last and m[times + i + 1] < end:
            i += 1
            if ((m[free + i] | guard) - amount) & guard != guard:
                break
        else:
            return start if fits(m, i, guard, amount) else -1
    return -1
