"""Why an attempt that was dispatched has not begun, in words."""

from enum import Enum, auto

from actors.executor.readings import Held
from planners.cluster import ClusterNode
from planners.model import NodeId
from planners.resources import Resources
from reconciler.state.waiting import DispatchWait, WaitKind

_GIB = 2**30
_SHOWN_OF_ID = 12
_UNITS = {"cpus": ("CPU", "CPUs"), "gpus": ("GPU", "GPUs")}


class Stage(Enum):
    """How far an attempt has got that has not begun: to its limits, its process, or the resources of its node."""

    LIMITS = auto()
    HOST = auto()
    PROCESS = auto()
    RESOURCES = auto()


def limit_wait(queued: str) -> DispatchWait:
    """It waits for a limit of its agent or provider."""
    return DispatchWait(kind=WaitKind.LIMIT, message=f"queued: {queued}")


def process_wait(node: NodeId, most: int) -> DispatchWait:
    """It waits for one of the processes that a node may have for agents without resources."""
    return DispatchWait(
        kind=WaitKind.ROOM, message=f"waiting for a process on node {_short(node)}: {most} of {most} in use"
    )


def start_wait(node: NodeId) -> DispatchWait:
    """Nothing is lacking: its process starts."""
    return DispatchWait(kind=WaitKind.ROOM, message=f"starting on node {_short(node)}")


def resource_wait(node: NodeId, needs: Resources, known: ClusterNode | None, in_use: Resources) -> DispatchWait:
    """It waits for resources of its node; it starts there if nothing is lacking.

    Args:
        node: where it is to run.
        needs: what its agent needs.
        known: the node, if the cluster has it.
        in_use: what is in use there.
    """
    if known is None:
        return DispatchWait(kind=WaitKind.ROOM, message=f"waiting for node {_short(node)}, which is not there")
    lacking = needs.lacking(known.total - in_use)
    for name, (needed, free) in lacking.items():
        total = known.total.amounts().get(name, 0.0)
        used = f"{_amount(total - free, name)} of {_amount(total, name)} in use"
        wanted = f"{_amount(needed, name)} {_unit(name, needed)}"
        return DispatchWait(kind=WaitKind.ROOM, message=f"waiting for {wanted} on node {_short(node)}: {used}")
    return start_wait(node)


def in_use(held: Held | None, known: ClusterNode | None, free: Resources | None) -> Resources:
    """What is in use on a node: by this executor, or by all that Ray counts, whichever is more."""
    own = Resources() if held is None else held.running
    if known is None or free is None:
        return own
    return (known.total - free) + (own - (known.total - free))


def _amount(amount: float, name: str) -> str:
    return f"{amount / _GIB:.1f}" if name == "memory_bytes" else f"{amount:.4g}"


def _unit(name: str, amount: float) -> str:
    if name == "memory_bytes":
        return "GiB of memory"
    one, many = _UNITS.get(name, (name, name))
    return one if amount <= 1 else many


def _short(node: NodeId) -> str:
    return node[:_SHOWN_OF_ID]
