"""The memory of the kernel: a problem and a schedule in two arrays, one of integers and one of floats.

Each begins with what the names below stand for: counts, or where an array begins. So ``m[m[DURATION] + cell]`` is the
duration of a cell, and a function needs two arguments for everything. (Compiled code passes arrays by value: with one
argument for each of fifty arrays, most of its time went into calls.)
"""

from typing import NamedTuple

import numpy as np

from planners.scheduling.problem.arrays import Floats, Ints, ProblemArrays

# Counts: of steps, nodes, groups, demands, and pairs of limit and amount; how long a row of costs is; the end of all
# pieces; how many different things kinds take of limits.
STEPS, NODES, GROUPS, DEMANDS, SLOTS, WIDTH, USED, USES = range(8)
# The integers of a problem, as in `ProblemArrays`.
PARENT_FIRST, PARENTS, CHILD_FIRST, CHILDREN, CELL_FIRST, DURATION, KIND = range(8, 15)
KIND_GROUP, KIND_LAG, KIND_DEMAND, KIND_RUNS, KIND_USES = range(15, 20)
USE_FIRST, USE_LIMIT, USE_AMOUNT, USE_HOLD, USE_SLOT, SLOT_LIMIT = range(20, 26)
TABLE_FIRST, TABLE_CELLS, TAILS, GROUP_FIRST, GROUP_NODES, GROUP_OF, DEMAND, GUARD = range(26, 34)
# The pieces of free capacity. Those of a resource begin at BEGIN in TIMES and FREE; SIZE of them are in use, and there
# is ROOM for more. KNOWN tells for which demand and node (demand * nodes + node) OPENS, GAPS and SINCE are up to date:
# what they mean is written in `FreeWindows`, as is what SOONEST, LONGEST and FROM_THEN mean, for a demand and a group
# (demand * groups + group). SOONEST may lag behind, and 0 tells that the three are not known. No use of a limit can
# start from FULL_SINCE to FULL_UNTIL. No call that takes BARRED_FOR or longer can start from BARRED_SINCE to
# BARRED_UNTIL: one such time for what kinds take of limits and a magnitude of durations (MAGNITUDES * KIND_USES +
# magnitude).
BEGIN, SIZE, ROOM, OPENS, GAPS, SINCE, KNOWN, SOONEST, LONGEST, FROM_THEN, FULL_SINCE, FULL_UNTIL = range(34, 46)
BARRED_FOR, BARRED_SINCE, BARRED_UNTIL = range(46, 49)
# The steps placed so far (CELL is -1 for others), and what `placement.find_ready` and `passes.sort_modes` found last.
CELL, NODE, START, END, ARRIVES, MARK, PRODUCER, PRODUCED, READY, BY_SCORE = range(49, 59)
# What is asked: the order of the steps; their cells, nodes (-1: any) and starts; the steps that stay where they are.
ORDER, CELLS, ON, STARTS, KEPT = range(59, 64)
# Space for lists of steps and cells, and for what is known of a node and of the limits while a step is taken away.
MISSING, HEAP, CANDIDATES, CANDIDATE_NODES, SAVED, TIMES, FREE = range(64, 71)
# Arrays of floats. Of the problem; the dollars spent, and the scores of the modes of a step; then what is asked: the
# costs of the modes of each step, latest ends, shares of the budget, what steps are ordered by.
USD, QUALITY, SHORTEST, SPENT, SCORES, COSTS, LATEST, RESERVED, RANGES, BUDGET, PRIORITY, ENDS = range(71, 83)

# Magnitudes of durations, by the power of two.
MAGNITUDES = 32
# So many pieces a resource can have, at least, before it is moved to where it has more room.
_ROOM = 8


class Memory(NamedTuple):
    """Both arrays."""

    ints: Ints
    floats: Floats

    def part(self, name: int, size: int) -> Ints:
        """An array of integers, to read or write."""
        return self.ints[self.ints[name] : self.ints[name] + size]

    def floats_of(self, name: int, size: int) -> Floats:
        """An array of floats, to read or write."""
        return self.floats[self.ints[name] : self.ints[name] + size]


def new_memory(p: ProblemArrays, placements: int) -> Memory:
    """Memory for a problem and a schedule in which steps are placed so many times."""
    steps, nodes = len(p.tails), len(p.group_of)
    size = np.diff(p.piece_first)
    room = 2 * size + _ROOM
    begin = np.cumsum(room) - room
    groups, windows, slots = len(p.group_first) - 1, len(p.demand) * nodes, len(p.slot_limit)
    different = int(p.kind_uses.max(initial=-1)) + 1
    width = int(np.diff(p.table_first).max())
    modes = int(np.diff(p.cell_first).max())
    # A placement adds two pieces to each resource that it takes, and a resource that grows moves to twice its room.
    uses = int(np.diff(p.use_first).max(initial=0))
    pool = int(room.sum() + 4 * (size.sum() + 2 * placements * (1 + uses)))
    given = [p.parent_first, p.parents, p.child_first, p.children, p.cell_first, p.duration, p.kind, p.kind_group]
    given += [p.kind_lag, p.kind_demand, p.kind_runs, p.kind_uses, p.use_first, p.use_limit, p.use_amount, p.use_hold]
    given += [p.use_slot, p.slot_limit, p.table_first, p.table_cells, p.tails, p.group_first, p.group_nodes, p.group_of]
    given += [p.demand, p.guard, begin, size, room]
    zeros = [windows] * 4 + [len(p.demand) * groups] * 3 + [slots] * 2 + [different * MAGNITUDES] * 3 + [steps] * 5
    zeros += [nodes] * 3 + [3, width + 1] + [steps] * 7 + [modes + 1] * 2 + [1 + 4 * len(p.demand) + 2 * slots]
    floats = [len(p.usd), len(p.kind_quality), steps, 1, width, steps * width, steps, steps, steps, 3, steps, steps]
    lengths = [USD + len(floats), *map(len, given), *zeros, pool]
    starts = np.cumsum(lengths)
    m = np.zeros(starts[-1] + pool, np.int64)
    m[:8] = steps, nodes, groups, len(p.demand), slots, width, room.sum(), different
    m[PARENT_FIRST:USD] = starts
    m[USD : USD + len(floats)] = np.cumsum([0, *floats[:-1]])
    m[starts[0] : starts[len(given)]] = np.concatenate(given)
    memory = Memory(m, np.zeros(sum(floats)))
    memory.part(CELL, steps)[:] = -1
    inside = np.arange(len(p.piece_time)) + np.repeat(begin - p.piece_first[:-1], size)
    m[m[TIMES] + inside], m[m[FREE] + inside] = p.piece_time, p.piece_free
    memory.floats[: floats[0] + floats[1] + steps] = np.concatenate((p.usd, p.kind_quality, p.shortest))
    return memory


class Workspace:
    """Memory that is used again and again for one problem, which costs less than new memory each time.

    ``memory`` is as its last user left it.
    """

    def __init__(self, p: ProblemArrays, placements: int) -> None:
        """Set up memory for schedules in which steps are placed so many times."""
        self.memory = memory = new_memory(p, placements)
        m = memory.ints
        # What the kernel reads before it writes it, and changes: of the pieces, only those in use at first.
        used, pieces, free = m[USED], m[TIMES], m[FREE]
        places = (
            slice(USED, USED + 1), slice(m[BEGIN], m[NODE]), slice(pieces, pieces + used), slice(free, free + used)
        )  # fmt: skip
        self._changed = [(place, m[place].copy()) for place in places]

    def fresh(self) -> Memory:
        """The memory, in which nothing is placed; valid until it is asked for again."""
        for place, values in self._changed:
            self.memory.ints[place] = values
        self.memory.floats_of(SPENT, 1)[:] = 0.0
        return self.memory
