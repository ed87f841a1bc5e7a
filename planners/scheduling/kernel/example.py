"""The smallest problem: has every function of the kernel compiled or loaded, for the types that it is called with."""

import numpy as np

from planners.scheduling.kernel.functions import Kernel
from planners.scheduling.kernel.memory import new_memory
from planners.scheduling.kernel.passes import UNLIMITED
from planners.scheduling.problem.arrays import ProblemArrays

_FLOATS = frozenset({"usd", "kind_quality", "shortest"})
_EMPTY = frozenset({"parents", "children", "use_limit", "use_amount", "use_hold", "use_slot", "slot_limit"})
_NONE_EACH = frozenset({"parent_first", "child_first", "use_first"})
_ONE_EACH = frozenset({"cell_first", "table_first", "group_first", "piece_first"})
_ONE = frozenset({"duration", "demand", "piece_free"})


def call_all(kernel: Kernel) -> None:
    """Call every function once: one step by one agent on one node."""
    p = ProblemArrays(**{name: np.array(_values(name), _type(name)) for name in ProblemArrays._fields})
    kernel.order_steps(*new_memory(p, 1))
    kernel.serial(*new_memory(p, 1), 1.0, 0.0, UNLIMITED, float("inf"))
    kernel.replay(*new_memory(p, 1))
    kernel.mirror(*new_memory(p, 1))
    kernel.latest_ends(*new_memory(p, 1), 1.0)
    kernel.find_price(*new_memory(p, 1), 1.0, 1.0)
    kernel.find_tails(new_memory(p, 1).ints)
    kernel.find_path(new_memory(p, 1).ints)
    placed = new_memory(p, 2)
    kernel.place_all(*placed)
    kernel.break_ties(*placed, 1, float("inf"), False)


def _values(name: str) -> list[int]:
    if name in _EMPTY:
        return []
    if name in _NONE_EACH or name in _ONE_EACH:
        return [0, int(name in _ONE_EACH)]
    return [4 if name == "guard" else int(name in _ONE)]


def _type(name: str) -> type:
    return np.float64 if name in _FLOATS else np.int64
