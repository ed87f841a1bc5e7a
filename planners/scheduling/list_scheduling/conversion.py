"""Convert schedules in quanta to plans, and plans (hints) back to modes."""

from collections.abc import Iterator, Sequence
from typing import Any

from planners.model import lean
from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.requests import PlanRequest
from planners.scheduling.list_scheduling.partial_schedule import Schedule
from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.problem import Problem
from planners.work_keys import InputDigests, work_keys

# Nanoseconds: rounds 0.1 + 0.2 to 0.3 and is finer than any quantum.
_DIGITS = 9


def to_plan(problem: Problem, schedule: Schedule, request: PlanRequest, kind: PlanKind, origin: str) -> Plan:
    """The plan of a schedule, without bound and gap."""
    modes = [row[index] for row, index in zip(problem.modes, schedule.mode, strict=True)]
    keys = work_keys(
        ((step, mode.agent.identity) for step, mode in zip(problem.steps, modes, strict=True)),
        InputDigests(request.task.values),
        problem.flat.finished,
        problem.flat.repeats,
    )
    placements = _placements(problem, schedule, modes, request)
    steps = tuple(
        lean(PlannedStep(step=step, placement=placement, work_key=keys[step.id]))
        for step, placement in zip(problem.steps, placements, strict=True)
    )
    return Plan(
        kind=kind,
        steps=steps,
        pending=problem.flat.pending,
        skipped=problem.flat.skipped,
        fan_outs=problem.flat.fan_outs,
        loops=problem.flat.loops,
        outputs=problem.flat.outputs,
        origin=origin,
        objective=schedule.value,
    )


def _placements(
    problem: Problem, schedule: Schedule, modes: Sequence[ExecutionMode], request: PlanRequest
) -> Iterator[Placement]:
    """The placement of each step. Equal ones are one object: thousands of like steps need it once."""
    quantum, nodes, made = problem.quantum_s, request.cluster.nodes, dict[tuple[Any, ...], Placement]()
    for mode, node, start in zip(modes, schedule.node, schedule.start, strict=True):
        key = mode.agent.name, mode.duration, mode.usd, node, start
        if key not in made:
            made[key] = Placement(
                agent=mode.agent.name,
                node=problem.nodes[node],
                node_class=nodes[node].node_class,
                start_s=round(start * quantum, _DIGITS),
                duration_s=round(mode.duration * quantum, _DIGITS),
                usd=mode.usd,
            )
        yield made[key]


def modes_of(problem: Problem, plan: Plan) -> list[tuple[int, int] | None]:
    """Per step, the (mode, node) that a plan assigns to it; None where that is not possible now."""
    node_index = {node: i for i, node in enumerate(problem.nodes)}
    assigned: list[tuple[int, int] | None] = []
    for step, modes in zip(problem.steps, problem.modes, strict=True):
        planned = plan.by_id.get(step.id)
        node = node_index.get(planned.placement.node) if planned else None
        agent = planned.placement.agent if planned else None
        group = None if node is None else problem.group_of[node]
        matching = [i for i, mode in enumerate(modes) if mode.agent.name == agent and mode.group == group]
        assigned.append((matching[-1], node) if matching and node is not None else None)
    return assigned
