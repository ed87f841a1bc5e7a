"""Compare HEFT and CPOP with those of anrg-saga on problems that both can represent: one step a node, one agent.

Reference: https://github.com/ANRGUSC/saga. HEFT agrees except for rounding up to milliseconds. CPOP may differ: saga's
downward rank adds a step's own duration where Topcuoglu, Hariri and Wu add its parent's, so saga counts fewer steps as
critical and assigns fewer to the critical node.
"""

import math
import statistics
from collections.abc import Iterable
from typing import Any

from benchmarks.datasets import Trace
from benchmarks.planner_cases import TraceCosts, workflow_of
from planners.agents import AgentSpec, Catalog
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.scheduling.list_scheduling.cpop import cpop
from planners.scheduling.list_scheduling.heft import heft
from planners.scheduling.problem.build import build_problem
from planners.tasks import Task
from planners.workflow import FlatWorkflow, Workflow

_SPEEDS = (0.7, 1.0, 1.5, 1.1)
_BANDWIDTH = 1.25e8
# With more steps, saga's schedulers take seconds.
_MOST_STEPS = 130


def referee(loaded: Iterable[Trace]) -> dict[str, Any]:
    """The ratio of makespans, Forerun's to saga's: geometric mean and extremes; empty if anrg-saga is not installed."""
    try:
        import saga  # noqa: F401, PLC0415 an extra: only the referee needs it
    except ImportError:
        return {}
    ratios: dict[str, list[float]] = {"heft": [], "cpop": []}
    for trace in loaded:
        flat, costs = workflow_of(trace)
        if len(flat.steps) <= _MOST_STEPS:
            for name, (ours, theirs) in compared(flat, costs).items():
                ratios[name].append(ours / theirs)
    return {name: _spread(of) for name, of in ratios.items() if of}


def compared(flat: FlatWorkflow, costs: TraceCosts) -> dict[str, tuple[float, float]]:
    """Scheduler -> (Forerun's makespan, saga's), in seconds."""
    from saga.schedulers.cpop import CpopScheduler  # noqa: PLC0415 an extra
    from saga.schedulers.heft import HeftScheduler  # noqa: PLC0415 see above

    request = _plain(flat)
    problem = build_problem(flat, request, costs)
    network, graph = _network(), _graph(flat, costs)
    pairs = {"heft": (heft, HeftScheduler()), "cpop": (cpop, CpopScheduler())}
    return {
        name: (ours(problem).makespan * problem.quantum_s, float(theirs.schedule(network, graph).makespan))
        for name, (ours, theirs) in pairs.items()
    }


def _plain(flat: FlatWorkflow) -> PlanRequest:
    names = dict.fromkeys(step.capability for step in flat.steps)
    agents = tuple(AgentSpec(name=f"{name}/program", capability=name, resources=Resources(cpus=1)) for name in names)
    nodes = tuple(
        ClusterNode(id=f"n{i}", node_class=f"k{i % 4}", total=Resources(cpus=1), speed=_SPEEDS[i % 4]) for i in range(8)
    )
    cluster = ClusterSnapshot(nodes=nodes, bandwidth_bytes_per_s=_BANDWIDTH, latency_s=0.0)
    task = Task(workflow=Workflow(steps=flat.steps))
    return PlanRequest(task=task, catalog=Catalog(agents=agents), cluster=cluster)


def _network() -> Any:
    from saga import Network  # noqa: PLC0415 an extra

    nodes = [(f"n{i}", _SPEEDS[i % 4]) for i in range(8)]
    return Network.create(nodes, [(a, b, _BANDWIDTH) for a, _ in nodes for b, _ in nodes if a < b])


def _graph(flat: FlatWorkflow, costs: TraceCosts) -> Any:
    from saga import TaskGraph  # noqa: PLC0415 an extra

    made = {step.id: costs.sizes[step.capability] for step in flat.steps}
    edges = [(parent, child, made[parent]) for parent, child in flat.edges]
    return TaskGraph.create([(step.id, costs.seconds[step.id]) for step in flat.steps], edges)


def _spread(ratios: list[float]) -> dict[str, float]:
    mean = math.exp(statistics.fmean(math.log(ratio) for ratio in ratios))
    return {"cases": len(ratios), "makespan_ratio": mean, "least": min(ratios), "most": max(ratios)}
