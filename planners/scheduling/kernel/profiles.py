"""Free capacity over time in arrays: what `ResourceProfile` and `FreeWindows` are, for all nodes and limits at once."""

from planners.scheduling.kernel.memory import (
    BEGIN,
    DEMAND,
    FREE,
    FROM_THEN,
    FULL_SINCE,
    FULL_UNTIL,
    GAPS,
    GROUP_FIRST,
    GROUP_NODES,
    GROUP_OF,
    GROUPS,
    GUARD,
    KNOWN,
    LONGEST,
    NODES,
    OPENS,
    ROOM,
    SINCE,
    SIZE,
    SOONEST,
    TIMES,
    USE_AMOUNT,
    USE_HOLD,
    USE_LIMIT,
    USE_SLOT,
    USED,
)
from planners.scheduling.problem.arrays import Ints


def fits(m: Ints, piece: int, guard: int, demand: int) -> bool:
    """Whether a packed demand fits into a piece."""
    return bool(((m[m[FREE] + piece] | guard) - demand) & guard == guard)


def piece_at(m: Ints, resource: int, at: int) -> int:
    """The piece that contains a time."""
    times, low = m[TIMES], m[m[BEGIN] + resource]
    high = low + m[m[SIZE] + resource]
    while low < high:
        middle = (low + high) >> 1
        if at < m[times + middle]:
            high = middle
        else:
            low = middle + 1
    return int(low - 1)


def boundary(m: Ints, resource: int, at: int) -> int:
    """The position, among those of the resource, of the piece that begins at a time; made if there is none."""
    piece = piece_at(m, resource, at)
    if m[m[TIMES] + piece] == at:
        return int(piece - m[m[BEGIN] + resource])
    size = m[m[SIZE] + resource]
    if size == m[m[ROOM] + resource]:
        piece += move(m, resource)
    last, times, free = m[m[BEGIN] + resource] + size, m[TIMES], m[FREE]
    for i in range(last, piece + 1, -1):
        m[times + i] = m[times + i - 1]
        m[free + i] = m[free + i - 1]
    m[times + piece + 1] = at
    m[free + piece + 1] = m[free + piece]
    m[m[SIZE] + resource] = size + 1
    return int(piece + 1 - m[m[BEGIN] + resource])


def move(m: Ints, resource: int) -> int:
    """Move a resource to where it has twice the room; returns by how much its pieces moved."""
    old, new = m[m[BEGIN] + resource], m[USED]
    for i in range(m[m[SIZE] + resource]):
        m[m[TIMES] + new + i] = m[m[TIMES] + old + i]
        m[m[FREE] + new + i] = m[m[FREE] + old + i]
    m[m[ROOM] + resource] *= 2
    m[m[BEGIN] + resource] = new
    m[USED] = new + m[m[ROOM] + resource]
    return int(new - old)


def reserve(m: Ints, resource: int, start: int, end: int, amount: int) -> None:
    """Reserve an amount from start to end; a negative amount releases. Neighbouring pieces differ afterwards."""
    if start >= end or amount == 0 or shift(m, resource, start, end, amount):
        return
    first = boundary(m, resource, start)
    last = boundary(m, resource, end)
    pieces = m[FREE] + m[m[BEGIN] + resource]
    for i in range(pieces + first, pieces + last):
        m[i] -= amount
    unite(m, resource, last)
    unite(m, resource, first)


def shift(m: Ints, resource: int, start: int, end: int, amount: int) -> bool:
    """Reserve an amount if that only moves the beginning of a piece.

    So it is where a call starts when a like one ends, as most do, or ends when a like one starts.
    """
    piece, times, free, begin = piece_at(m, resource, start), m[TIMES], m[FREE], m[m[BEGIN] + resource]
    is_last = piece == begin + m[m[SIZE] + resource] - 1
    left = m[free + piece] - amount
    if m[times + piece] == start:
        if piece > begin and m[free + piece - 1] == left and (is_last or end < m[times + piece + 1]):
            m[times + piece] = end
            return True
    elif not is_last and m[times + piece + 1] == end and m[free + piece + 1] == left:
        m[times + piece + 1] = start
        return True
    return False


def unite(m: Ints, resource: int, position: int) -> None:
    """Unite the piece at this position with the one before if they have the same amount free."""
    times, free, piece = m[TIMES], m[FREE], m[m[BEGIN] + resource] + position
    if position == 0 or m[free + piece - 1] != m[free + piece]:
        return
    m[m[SIZE] + resource] -= 1
    for i in range(piece, m[m[BEGIN] + resource] + m[m[SIZE] + resource]):
        m[times + i] = m[times + i + 1]
        m[free + i] = m[free + i + 1]


def first_fit(m: Ints, use: int, ready: int, latest: int, duration: int) -> int:
    """The first start from ``ready`` on at which a limit allows a use; a time after ``latest`` if none is by then."""
    amount = m[m[USE_AMOUNT] + use]
    if duration == 0 or amount == 0:
        return ready
    resource, slot = m[NODES] + m[m[USE_LIMIT] + use], m[m[USE_SLOT] + use]
    guard, last = m[m[GUARD] + resource], m[m[BEGIN] + resource] + m[m[SIZE] + resource] - 1
    since, until = m[FULL_SINCE] + slot, m[FULL_UNTIL] + slot
    known = m[since] <= ready < m[until]
    start = m[until] if known else ready
    if start > latest:
        return int(start)
    i, times = piece_at(m, resource, start), m[TIMES]
    if not fits(m, i, guard, amount):
        i = next_fitting(m, resource, i, latest, amount)
        start = m[times + i]
        if not known:
            m[since] = ready
        m[until] = start
    full, end = start, start + duration
    while i < last and m[times + i + 1] < end and start <= latest:
        i += 1
        if not fits(m, i, guard, amount):
            i = next_fitting(m, resource, i, latest, amount)
            start = m[times + i]
            end = start + duration
    # Where all uses take the same time, none of them can start before, and the search need not be repeated.
    if start > full and m[m[USE_HOLD] + use] >= 0:
        if not m[since] <= ready < m[until]:
            m[since] = ready
        m[until] = start
    return int(start)


def next_fitting(m: Ints, resource: int, piece: int, latest: int, demand: int) -> int:
    """The first piece from this one on into which a demand fits, or that begins after ``latest``, or is the last."""
    guard, last = m[m[GUARD] + resource], m[m[BEGIN] + resource] + m[m[SIZE] + resource] - 1
    times, free = m[TIMES], m[FREE]
    while piece < last and m[times + piece] <= latest and ((m[free + piece] | guard) - demand) & guard != guard:
        piece += 1
    return piece


def window(m: Ints, demand: int, node: int) -> int:
    """The index of what is known of a demand on a node, which is up to date afterwards."""
    w = demand * m[NODES] + node
    if m[m[KNOWN] + w] == 0:
        m[m[KNOWN] + w] = 1
        m[m[OPENS] + w] = m[m[GAPS] + w] = m[m[SINCE] + w] = 0
        last = m[m[BEGIN] + node] + m[m[SIZE] + node] - 1
        if m[m[SIZE] + node] > 1:
            note_reserved(m, demand, node, 0, m[m[TIMES] + last])
    return int(w)


def note_reserved(m: Ints, demand: int, node: int, start: int, end: int) -> None:
    """Note for a demand that capacity was reserved from start to end on a node."""
    w = demand * m[NODES] + node
    opened = m[m[OPENS] + w]
    if end <= opened:
        return
    amount, guard, since, times = m[m[DEMAND] + demand], m[m[GUARD] + node], max(start, opened), m[TIMES]
    last = piece_at(m, node, end - 1)
    while fits(m, last, guard, amount):
        if m[times + last] <= since:
            return
        last -= 1
    first = last
    while m[times + first] > since and not fits(m, first - 1, guard, amount):
        first -= 1
    m[m[OPENS] + w] = m[times + last + 1]
    gap = m[times + first] - opened
    if gap > m[m[GAPS] + w]:
        m[m[GAPS] + w] = gap
        longest = m[LONGEST] + demand * m[GROUPS] + m[m[GROUP_OF] + node]
        m[longest] = max(m[longest], gap)


def in_gap(  # noqa: PLR0913, PLR0917 -- numbers
    m: Ints, demand: int, node: int, ready: int, duration: int, before: int
) -> int:
    """The first start on a node from ``ready`` on in a window that ends; -1 if there is none ``before`` a time."""
    w = demand * m[NODES] + node
    amount, guard, until, times, free = m[m[DEMAND] + demand], m[m[GUARD] + node], m[m[OPENS] + w], m[TIMES], m[FREE]
    i, longest, start = piece_at(m, node, ready), 0, -1
    while m[times + i] < until:
        at = m[times + i]
        if start < 0 and at >= before:
            return -1
        if ((m[free + i] | guard) - amount) & guard == guard:
            if start < 0:
                start = max(at, ready)
        elif start >= 0:
            if at - start >= duration:
                return start
            longest = max(longest, at - start)
            start = -1
        i += 1
    m[m[GAPS] + w] = longest
    m[m[SINCE] + w] = ready
    g = demand * m[GROUPS] + m[m[GROUP_OF] + node]
    m[m[LONGEST] + g] = max(m[m[LONGEST] + g], longest)
    m[m[FROM_THEN] + g] = max(m[m[FROM_THEN] + g], ready)
    return -1


def first_on(m: Ints, demand: int, node: int, ready: int, duration: int) -> int:
    """The first start on a node from ``ready`` on."""
    w = window(m, demand, node)
    opens: int = m[m[OPENS] + w]
    if opens <= ready:
        return ready
    if duration <= m[m[GAPS] + w] or ready < m[m[SINCE] + w]:
        start = in_gap(m, demand, node, ready, duration, opens)
        if start >= 0:
            return start
    return opens


def first_in_group(m: Ints, demand: int, group: int, ready: int, duration: int) -> tuple[int, int]:
    """(start, node): the first start on any node; of equal starts, the first node that opens by then."""
    start, found, g = -1, -1, demand * m[GROUPS] + group
    nodes, begin, end = m[GROUP_NODES], m[m[GROUP_FIRST] + group], m[m[GROUP_FIRST] + group + 1]
    row = demand * m[NODES]
    opened, known = m[OPENS] + row, m[KNOWN] + row
    for j in range(nodes + begin, nodes + end):
        node = m[j]
        if m[known + node] == 0:
            window(m, demand, node)
        opens = m[opened + node]
        if opens <= ready:
            return ready, node
        if found < 0 or opens < start:
            start, found = opens, node
    if m[m[SOONEST] + g] > 0 and duration > m[m[LONGEST] + g] and ready >= m[m[FROM_THEN] + g]:
        m[m[SOONEST] + g] = start
        return start, found
    soonest, longest, from_then, gaps, since = start, 0, 0, m[GAPS] + row, m[SINCE] + row
    for j in range(nodes + begin, nodes + end):
        node = m[j]
        if m[gaps + node] >= duration or ready < m[since + node]:
            gap = in_gap(m, demand, node, ready, duration, start)
            if 0 <= gap < start:
                start, found = gap, node
                if start == ready:
                    return start, found
        longest, from_then = max(longest, m[gaps + node]), max(from_then, m[since + node])
    m[m[SOONEST] + g], m[m[LONGEST] + g], m[m[FROM_THEN] + g] = soonest, longest, from_then
    return start, found
