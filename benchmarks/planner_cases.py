"""Cases for the planner benchmark: recorded scientific workflows on heterogeneous clusters, with and without limits.

A trace's task names become capabilities; runtimes and sizes are the recorded ones. Each capability has synthetic
agents, derived by one rule: the recorded program (one core), a threaded build (four cores, 2.2 times faster), a rough
approximation (one core, 1.5 times faster, low quality) and, in scenarios with costs or rates, a hosted service of a
provider (no cores, 3 times faster, twenty times the price a second). A core costs 0.05 USD an hour.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets import RecordedTask, Trace, UnusableFile, document, lines
from planners.agents import AgentSpec, Catalog, Price, Provider
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import Acceptance, Estimate
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.scheduling.list_scheduling.heft import heft
from planners.scheduling.problem.build import build_problem
from planners.tasks import Limits, Objective, Task
from planners.workflow import FlatWorkflow, Step, Workflow

SCENARIOS = ("makespan", "quality", "budget", "rates", "dollars", "all")
LIMITED = ("quality", "budget", "rates", "dollars", "all")
CLUSTERS = (8, 64)
DEFAULT_WORKFLOWS = (
    "srasearch-chameleon-10a-001",
    "sarek-dirt02-001",
    "epigenomics-chameleon-hep-1seq-100k-001",
    "montage-chameleon-2mass-005d-001",
    "cycles-chameleon-1l-1c-9p-001",
    "soykb-chameleon-10fastq-10ch-001",
    "blast-chameleon-large-001",
    "taxprofiler-dirt02-001",
)
# Traces store zero for runtimes below the resolution of their clock.
_SHORTEST_S = 0.05
_PROGRAM, _THREADED, _HOSTED, _ROUGH = "program", "threaded", "hosted", "rough"
_FACTOR = {_PROGRAM: 1.0, _THREADED: 1 / 2.2, _HOSTED: 1 / 3, _ROUGH: 1 / 1.5}
_QUALITY = {_PROGRAM: 0.9, _THREADED: 0.9, _HOSTED: 0.95, _ROUGH: 0.6}
_USD_PER_S = {_PROGRAM: 1.4e-5, _THREADED: 5.6e-5, _HOSTED: 2.8e-4, _ROUGH: 1.4e-5}


@dataclass(frozen=True)
class TraceCosts:
    """Recorded seconds of each step times the agent's factor; mean recorded output bytes by capability."""

    seconds: Mapping[str, float]
    sizes: Mapping[str, float]

    def duration(self, agent: AgentSpec, step: Step) -> Estimate:
        """Seconds on a node of speed 1."""
        mean_s = self.seconds[step.id] * _FACTOR[_kind(agent)]
        return Estimate(mean_s, mean_s, 2 * mean_s)

    def mean_durations_s(self, agents: Sequence[AgentSpec], steps: Sequence[Step]) -> NDArray[np.float64]:
        """The means of `duration`: steps x agents."""
        seconds = np.array([self.seconds[step.id] for step in steps])
        return seconds[:, None] * [_FACTOR[_kind(agent)] for agent in agents]

    def accepts_all(self, _agents: Sequence[AgentSpec], _steps: Sequence[Step]) -> bool:
        """No step has a check."""
        return True

    def output_bytes(self, agent: AgentSpec) -> float:
        """Mean recorded size over the capability's tasks."""
        return self.sizes[agent.capability]

    def survival(self, _agent: AgentSpec) -> float:
        """The benchmark does not speculate."""
        return 1.0

    def acceptance(self, _agent: AgentSpec, _step: Step) -> Acceptance:
        """No step has a check."""
        return Acceptance(1.0, 1.0)


@dataclass(frozen=True)
class PlannerCase:
    """One case: a workflow on a cluster with the limits of a scenario."""

    workflow: str
    nodes: int
    scenario: str
    flat: FlatWorkflow
    request: PlanRequest
    costs: TraceCosts


def traces(data: Path | None, files: Iterable[Path]) -> Iterator[Trace]:
    """Read the given files (JSON or gzipped JSON lines), or the default selection from ``data``/wf/core.

    Raises:
        UnusableFile: a file cannot be read, or neither files nor a data folder were given.
    """
    given = list(files)
    if not given:
        if data is None:
            raise UnusableFile(
                "no workflows", "", "give --workflows, or --data (FORERUN_DATA) with a folder that contains wf/core"
            )
        given = [data / "wf" / "core" / f"{name}.json" for name in DEFAULT_WORKFLOWS]
    for path in given:
        yield from lines(path, Trace) if path.suffix == ".gz" else [document(path, Trace)]


def cases(trace: Trace) -> Iterator[PlannerCase]:
    """All scenarios on all clusters for a trace."""
    flat, costs = workflow_of(trace)
    for count in CLUSTERS:
        for scenario in SCENARIOS:
            yield case(trace.name, flat, costs, count, scenario)


def case(name: str, flat: FlatWorkflow, costs: TraceCosts, count: int, scenario: str) -> PlannerCase:
    """One case. The budget lies a fifth of the way from the cheapest plan to the cost of HEFT without a budget."""
    weights = Objective(min_quality=0.8 if scenario in ("quality", "all") else 0.0)
    task = Task(name=name, workflow=Workflow(steps=flat.steps), objective=weights)
    request = PlanRequest(task=task, catalog=_catalog(flat, costs, scenario), cluster=cluster(count))
    if scenario in ("budget", "all"):
        problem = build_problem(flat, request, costs)
        cheapest = sum(problem.min_usd)
        budget = cheapest + 0.2 * max(0.0, heft(problem).usd - cheapest)
        request = _asked(request, task.model_copy(update={"limits": Limits(budget_usd=budget)}))
    if scenario == "dollars":
        free = heft(build_problem(flat, request, costs))
        weight = free.value / free.usd if free.usd else 1.0
        request = _asked(request, task.model_copy(update={"objective": Objective(usd_weight=weight)}))
    return PlannerCase(name, count, scenario, flat, request, costs)


def cluster(count: int) -> ClusterSnapshot:
    """A cluster of four node classes in turn (old, plain, fast and large), linked by 1 Gbit/s."""
    shapes = [("old", 2, 0.7, 8), ("plain", 4, 1.0, 16), ("fast", 4, 1.5, 16), ("large", 8, 1.1, 64)]
    nodes = [
        ClusterNode(
            id=f"{name}-{i}",
            node_class=name,
            total=Resources(cpus=cpus, memory_bytes=gib << 30),
            speed=speed,
        )
        for i in range(count)
        for name, cpus, speed, gib in [shapes[i % len(shapes)]]
    ]
    return ClusterSnapshot(nodes=tuple(nodes), bandwidth_bytes_per_s=1.25e8)


def workflow_of(trace: Trace) -> tuple[FlatWorkflow, TraceCosts]:
    """Convert a trace to a workflow and the cost model of its recorded seconds and bytes."""
    tasks = _in_order(trace.tasks)
    steps, seconds = [], {}
    sizes: dict[str, list[float]] = {}
    for task in tasks:
        step_id = f"t{task.id}"
        inputs = {f"p{parent}": {"step": f"t{parent}"} for parent in task.parents}
        steps.append(Step.model_validate({"id": step_id, "capability": task.name, "inputs": inputs}))
        seconds[step_id] = max(_SHORTEST_S, task.runtime_s or 0.0)
        sizes.setdefault(task.name, []).append(task.outputs_bytes or 0.0)
    means = {name: sum(known) / len(known) for name, known in sizes.items()}
    return FlatWorkflow(steps=tuple(steps)), TraceCosts(seconds, means)


def _in_order(tasks: list[RecordedTask]) -> list[RecordedTask]:
    """The tasks, parents first and otherwise in recorded order."""
    by_id = {task.id: task for task in tasks}
    ordered: dict[str | int, RecordedTask] = {}
    stack = [(task.id, False) for task in reversed(tasks)]
    while stack:
        at, parents_done = stack.pop()
        if at in ordered:
            continue
        if parents_done:
            ordered[at] = by_id[at]
            continue
        stack.append((at, True))
        stack += [(parent, False) for parent in by_id[at].parents if parent not in ordered]
    return list(ordered.values())


def _catalog(flat: FlatWorkflow, costs: TraceCosts, scenario: str) -> Catalog:
    names = list(dict.fromkeys(step.capability for step in flat.steps))
    limited = scenario in ("rates", "all")
    hosted = scenario not in ("makespan", "quality")
    provider = Provider(
        name="cloud",
        max_concurrent=6 if limited else None,
        requests_per_s=_rate(flat, costs) if limited else None,
    )
    return Catalog(
        agents=tuple(agent for name in names for agent in _agents(name, hosted=hosted)), providers=(provider,)
    )


def _rate(flat: FlatWorkflow, costs: TraceCosts) -> float:
    """The rate that lets about four mean steps run on the service concurrently."""
    mean_s = sum(costs.seconds[step.id] for step in flat.steps) / len(flat.steps)
    return max(0.01, round(4 / (mean_s * _FACTOR[_HOSTED]), 2))


def _agents(capability: str, *, hosted: bool) -> Iterator[AgentSpec]:
    local = [(_PROGRAM, 1.0), (_THREADED, 4.0), (_ROUGH, 1.0)]
    for kind, cpus in [*local, (_HOSTED, 0.0)] if hosted else local:
        yield AgentSpec(
            name=f"{capability}/{kind}",
            capability=capability,
            resources=Resources(cpus=cpus, memory_bytes=0 if kind == _HOSTED else 1 << 30),
            provider="cloud" if kind == _HOSTED else None,
            price=Price(usd_per_s=_USD_PER_S[kind]),
            quality=_QUALITY[kind],
        )


def _kind(agent: AgentSpec) -> str:
    return agent.name.rpartition("/")[2]


def _asked(request: PlanRequest, task: Task) -> PlanRequest:
    return request.model_copy(update={"task": task})
