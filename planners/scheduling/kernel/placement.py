"""Where and when a step can start, and placing it there: `PartialSchedule` on arrays."""

from planners.scheduling.kernel.memory import (
    ARRIVES,
    BARRED_FOR,
    BARRED_SINCE,
    BARRED_UNTIL,
    CELL,
    DEMAND,
    DEMANDS,
    DURATION,
    END,
    FROM_THEN,
    FULL_SINCE,
    FULL_UNTIL,
    GAPS,
    GROUP_FIRST,
    GROUP_NODES,
    GROUP_OF,
    GROUPS,
    KIND,
    KIND_DEMAND,
    KIND_GROUP,
    KIND_LAG,
    KIND_USES,
    KNOWN,
    LONGEST,
    MAGNITUDES,
    MARK,
    NODE,
    NODES,
    OPENS,
    PARENT_FIRST,
    PARENTS,
    PRODUCED,
    PRODUCER,
    READY,
    SAVED,
    SINCE,
    SLOT_LIMIT,
    SLOTS,
    SOONEST,
    SPENT,
    START,
    USD,
    USE_AMOUNT,
    USE_FIRST,
    USE_HOLD,
    USE_LIMIT,
    USE_SLOT,
    USES,
)
from planners.scheduling.kernel.profiles import (
    first_fit,
    first_in_group,
    first_on,
    note_reserved,
    reserve,
)
from planners.scheduling.problem.arrays import Floats, Ints

# Later than any start.
NEVER = 1 << 62


def find_ready(m: Ints, step: int) -> None:
    """Note when the inputs of a step are available.

    In READY: when on any node, when on nodes that produced none, and how many nodes did. PRODUCED has the times of
    those, in the order of the parents.
    """
    last_end, first, second, first_node, count = 0, 0, 0, -1, 0
    ends, nodes, arrivals, marks = m[END], m[NODE], m[ARRIVES], m[MARK]
    producer, produced, parents, ready = m[PRODUCER], m[PRODUCED], m[PARENTS], m[READY]
    for j in range(parents + m[m[PARENT_FIRST] + step], parents + m[m[PARENT_FIRST] + step + 1]):
        parent = m[j]
        end, node, arrives = m[ends + parent], m[nodes + parent], m[arrivals + parent]
        last_end = max(last_end, end)
        at = m[marks + node]
        if at >= count or m[producer + at] != node:
            at = m[marks + node] = count
            m[producer + count] = node
            m[produced + count] = end
            count += 1
        elif end > m[produced + at]:
            m[produced + at] = end
        if arrives > first:
            if node != first_node:
                second = first
            first, first_node = arrives, node
        elif node != first_node and arrives > second:
            second = arrives
    if first == last_end:
        count = 0
    for at in range(count):
        from_others = first if m[producer + at] != first_node else second
        m[produced + at] = max(m[produced + at], from_others)
    m[ready], m[ready + 1], m[ready + 2] = last_end, first, count


def ready_on(m: Ints, node: int) -> int:
    """When the inputs of the step asked about last are available on a node."""
    for at in range(m[m[READY] + 2]):
        if m[m[PRODUCER] + at] == node:
            return int(m[m[PRODUCED] + at])
    return int(m[m[READY] + 1])


def first_in_limits(m: Ints, kind: int, ready: int, latest: int, duration: int) -> int:
    """The first start from ``ready`` on that all shared limits allow; some time after ``latest`` if none is by then."""
    low, high = m[m[USE_FIRST] + kind], m[m[USE_FIRST] + kind + 1]
    if high - low == 1:
        hold = m[m[USE_HOLD] + low]
        return first_fit(m, low, ready, latest, duration if hold < 0 else hold)
    row = MAGNITUDES * m[m[KIND_USES] + kind]
    start = first = after_barred(m, row, ready, duration)
    while start <= latest:
        fits = start
        for use in range(low, high):
            hold = m[m[USE_HOLD] + use]
            fits = first_fit(m, use, fits, latest, duration if hold < 0 else hold)
        if fits == start:
            break
        start = after_barred(m, row, fits, duration)
    if start > first:
        note_barred(m, row, ready, start, duration)
    return int(start)


def magnitude(duration: int) -> int:
    """How many bits a duration has, or the last magnitude."""
    bits = 0
    while duration > 0 and bits < MAGNITUDES - 1:
        duration >>= 1
        bits += 1
    return bits


def after_barred(m: Ints, row: int, ready: int, duration: int) -> int:
    """A time from ``ready`` on before which no call can start, by what is known of calls that take no longer."""
    least, since, until = m[BARRED_FOR] + row, m[BARRED_SINCE] + row, m[BARRED_UNTIL] + row
    for k in range(magnitude(duration), -1, -1):
        if m[since + k] <= ready < m[until + k] and duration >= m[least + k]:
            ready = m[until + k]
    return ready


def note_barred(m: Ints, row: int, since: int, until: int, duration: int) -> None:
    """Note that no call that takes so long can start meanwhile, together with what is known of like durations."""
    k = row + magnitude(duration)
    least, first, last = m[BARRED_FOR] + k, m[BARRED_SINCE] + k, m[BARRED_UNTIL] + k
    if m[first] <= until and since <= m[last]:
        m[least] = max(m[least], duration)
        m[first] = min(m[first], since)
        m[last] = max(m[last], until)
    else:
        m[least], m[first], m[last] = duration, since, until


def earliest_on(m: Ints, kind: int, node: int, ready: int, duration: int) -> int:
    """The first start from ``ready`` on that the node and every shared limit allow."""
    demand, uses = m[m[KIND_DEMAND] + kind], m[m[USE_FIRST] + kind + 1] > m[m[USE_FIRST] + kind]
    if demand < 0 or duration == 0:
        return first_in_limits(m, kind, ready, NEVER, duration) if uses else ready
    if not uses:
        return first_on(m, demand, node, ready, duration)
    start = first_in_limits(m, kind, ready, NEVER, duration)
    while True:
        fits = first_on(m, demand, node, start, duration)
        if fits == start:
            return start
        start = first_in_limits(m, kind, fits, NEVER, duration)
        if fits == start:
            return start


def earliest(m: Ints, cell: int) -> tuple[int, int]:
    """(start, node): the earliest start of the step asked about last; ties go to nodes that produced its inputs."""
    kind, duration = m[m[KIND] + cell], m[m[DURATION] + cell]
    group, demand = m[m[KIND_GROUP] + kind], m[m[KIND_DEMAND] + kind]
    best_start, best_node = -1, -1
    for at in range(m[m[READY] + 2]):
        node = m[m[PRODUCER] + at]
        if m[m[GROUP_OF] + node] == group and (best_node < 0 or m[m[PRODUCED] + at] < best_start):
            start = earliest_on(m, kind, node, m[m[PRODUCED] + at], duration)
            if best_node < 0 or start < best_start:
                best_start, best_node = start, node
    start = m[m[READY] + 1]
    if best_node >= 0 and best_start <= start:
        return best_start, best_node
    uses = m[m[USE_FIRST] + kind + 1] > m[m[USE_FIRST] + kind]
    if uses:
        start = first_in_limits(m, kind, start, NEVER, duration)
    if demand < 0 or duration == 0:
        node = m[m[GROUP_NODES] + m[m[GROUP_FIRST] + group]]
    elif uses:
        start, node = first_within_limits(m, kind, start, duration)
    else:
        start, node = first_in_group(m, demand, group, start, duration)
    if best_node < 0 or start < best_start:
        return start, node
    return best_start, best_node


def first_within_limits(m: Ints, kind: int, ready: int, duration: int) -> tuple[int, int]:
    """(start, node): the same over all nodes of the group, where limits hold too; they allow ``ready``."""
    group, demand = m[m[KIND_GROUP] + kind], m[m[KIND_DEMAND] + kind]
    best_start, best_node = -1, -1
    for j in range(m[m[GROUP_FIRST] + group], m[m[GROUP_FIRST] + group + 1]):
        node = m[m[GROUP_NODES] + j]
        since = first_on(m, demand, node, ready, duration)
        if best_node < 0 or since < best_start:
            start = earliest_on(m, kind, node, since, duration)
            if best_node < 0 or start < best_start:
                best_start, best_node = start, node
                if start == ready:
                    break
    return best_start, best_node


def not_before(m: Ints, kind: int, ready: int, duration: int) -> int:
    """A time from ``ready`` on before which a call of this kind can certainly start on no node."""
    start, demand = ready, m[m[KIND_DEMAND] + kind]
    if demand >= 0:
        g = demand * m[GROUPS] + m[m[KIND_GROUP] + kind]
        soonest = m[m[SOONEST] + g]
        if soonest > ready >= m[m[FROM_THEN] + g] and duration > m[m[LONGEST] + g]:
            start = soonest
    for use in range(m[m[USE_FIRST] + kind], m[m[USE_FIRST] + kind + 1]):
        slot = m[m[USE_SLOT] + use]
        if m[m[FULL_SINCE] + slot] <= start < m[m[FULL_UNTIL] + slot]:
            start = m[m[FULL_UNTIL] + slot]
    return int(start)


def place(m: Ints, f: Floats, step: int, cell: int, node: int, start: int) -> None:
    """Schedule a step."""
    end = start + m[m[DURATION] + cell]
    m[m[CELL] + step], m[m[NODE] + step], m[m[START] + step], m[m[END] + step] = cell, node, start, end
    m[m[ARRIVES] + step] = end + m[m[KIND_LAG] + m[m[KIND] + cell]]
    f[m[SPENT]] += f[m[USD] + cell]
    take(m, cell, node, start, 1)


def remove(m: Ints, f: Floats, step: int) -> None:
    """Unschedule a step."""
    cell = m[m[CELL] + step]
    f[m[SPENT]] -= f[m[USD] + cell]
    take(m, cell, m[m[NODE] + step], m[m[START] + step], -1)
    m[m[CELL] + step] = -1


def take(m: Ints, cell: int, node: int, start: int, sign: int) -> None:
    """Reserve (1) or release (-1) what a call needs, and note it."""
    kind, duration, nodes = m[m[KIND] + cell], m[m[DURATION] + cell], m[NODES]
    if duration == 0:
        return
    end, demand = start + duration, m[m[KIND_DEMAND] + kind]
    if demand >= 0:
        reserve(m, node, start, end, sign * m[m[DEMAND] + demand])
        for other in range(m[DEMANDS]):
            w = other * nodes + node
            if sign < 0:
                m[m[KNOWN] + w] = m[m[SOONEST] + other * m[GROUPS] + m[m[GROUP_OF] + node]] = 0
            elif m[m[KNOWN] + w] == 1 and end > m[m[OPENS] + w]:
                note_reserved(m, other, node, start, end)
    for use in range(m[m[USE_FIRST] + kind], m[m[USE_FIRST] + kind + 1]):
        limit, hold = m[m[USE_LIMIT] + use], m[m[USE_HOLD] + use]
        reserve(m, nodes + limit, start, start + (duration if hold < 0 else hold), sign * m[m[USE_AMOUNT] + use])
        if sign < 0:
            for slot in range(m[SLOTS]):
                if m[m[SLOT_LIMIT] + slot] == limit:
                    m[m[FULL_SINCE] + slot] = m[m[FULL_UNTIL] + slot] = 0
    if sign < 0 and m[m[USE_FIRST] + kind + 1] > m[m[USE_FIRST] + kind]:
        for k in range(m[BARRED_UNTIL], m[BARRED_UNTIL] + m[USES] * MAGNITUDES):
            m[k] = 0


def save_known(m: Ints, node: int) -> None:
    """Note a node, and what is known of it and of the limits, before a step is removed that may be placed again."""
    m[m[SAVED]] = node
    at = m[SAVED] + 1
    for w in range(node, m[DEMANDS] * m[NODES], m[NODES]):
        m[at], m[at + 1], m[at + 2], m[at + 3] = m[m[KNOWN] + w], m[m[OPENS] + w], m[m[GAPS] + w], m[m[SINCE] + w]
        at += 4
    for slot in range(m[SLOTS]):
        m[at], m[at + 1] = m[m[FULL_SINCE] + slot], m[m[FULL_UNTIL] + slot]
        at += 2


def restore_known(m: Ints, node: int) -> None:
    """Restore what was noted: the step is where it was."""
    at = m[SAVED] + 1
    for w in range(node, m[DEMANDS] * m[NODES], m[NODES]):
        m[m[KNOWN] + w], m[m[OPENS] + w], m[m[GAPS] + w], m[m[SINCE] + w] = m[at], m[at + 1], m[at + 2], m[at + 3]
        at += 4
    for slot in range(m[SLOTS]):
        m[m[FULL_SINCE] + slot], m[m[FULL_UNTIL] + slot] = m[at], m[at + 1]
        at += 2
