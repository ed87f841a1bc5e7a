"""Convert schedules in quanta to plans, and plans (hints) back to modes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planners.agents import AgentSpec
from planners.model import all_unchecked, blank
from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.requests import PlanRequest
from planners.scheduling.list_scheduling.schedule import Schedule
from planners.scheduling.problem.problem import Problem
from planners.work_keys import InputDigests, work_keys

# Milliseconds a second.
_MS = 1000
# The fields that a scheduler sets.
_PLACED = frozenset(Placement.model_fields)
_PLANNED = frozenset({"step", "placement", "work_key"})


def to_plan(problem: Problem, schedule: Schedule, request: PlanRequest, kind: PlanKind, origin: str) -> Plan:
    """The plan of a schedule, without bound and gap."""
    agents = problem.agents(schedule.mode)
    identities = {name: agent.identity for name, agent in {agent.name: agent for agent in agents}.items()}
    keys = work_keys(
        zip(problem.steps, [identities[agent.name] for agent in agents], strict=True),
        InputDigests(request.task.values),
        problem.flat.finished,
        problem.flat.repeats,
    )
    placements = _placements(problem, schedule, agents, request)
    planned, fields = list[dict[str, Any]](), blank(PlannedStep)
    for step, placement in zip(problem.steps, placements, strict=True):
        planned.append(one := fields.copy())
        one["step"], one["placement"], one["work_key"], one["probability"] = step, placement, keys[step.id], 1.0
    return Plan(
        kind=kind,
        steps=tuple(all_unchecked(PlannedStep, planned, _PLANNED)),
        pending=problem.flat.pending,
        skipped=problem.flat.skipped,
        fan_outs=problem.flat.fan_outs,
        loops=problem.flat.loops,
        left=problem.flat.left,
        outputs=problem.flat.outputs,
        origin=origin,
        objective=schedule.value,
    )


def _placements(
    problem: Problem, schedule: Schedule, agents: Sequence[AgentSpec], request: PlanRequest
) -> list[Placement]:
    """The placement of each step. Equal ones are one object: thousands of like steps need it once."""
    names = [(problem.nodes[i], node.node_class) for i, node in enumerate(request.cluster.nodes)]
    of = schedule.arrays
    columns = (
        [agent.name for agent in agents],
        [names[node] for node in schedule.node],
        _seconds(problem, of.start),
        _seconds(problem, of.end - of.start),
        problem.usd(schedule.mode),
    )
    keys = list(zip(*columns, strict=True))
    different = dict.fromkeys(keys)
    values, fields = list[dict[str, Any]](), blank(Placement)
    for agent, (node, kind), start_s, duration_s, usd in different:
        values.append(one := fields.copy())
        one["agent"], one["node"], one["node_class"] = agent, node, kind
        one["start_s"], one["duration_s"], one["usd"] = start_s, duration_s, usd
    placements = all_unchecked(Placement, values, _PLACED)
    if len(different) == len(keys):
        return placements
    made = dict(zip(different, placements, strict=True))
    return [made[key] for key in keys]


def _seconds(problem: Problem, quanta: NDArray[np.int64]) -> list[float]:
    """Seconds without rounding errors: a quantum is a whole number of milliseconds."""
    seconds: list[float] = (quanta * round(problem.quantum_s * _MS) / _MS).tolist()
    return seconds


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
