"""From a schedule in quanta to a plan, and from a plan (a hint) back to choices."""

from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.requests import PlanRequest
from planners.scheduling.list_scheduling.partial_schedule import Schedule
from planners.scheduling.problem.problem import Problem
from planners.work_keys import InputDigests, work_keys

# Nanoseconds: keeps 0.1 + 0.2 out of plans without touching any time a scheduler can tell.
_DIGITS = 9


def plan_of(problem: Problem, schedule: Schedule, request: PlanRequest, kind: PlanKind, origin: str) -> Plan:
    """The plan a schedule stands for; bound and gap are left open."""
    chosen = [of[index] for of, index in zip(problem.choices, schedule.choice, strict=True)]
    keys = work_keys(
        ((step, choice.agent.identity) for step, choice in zip(problem.steps, chosen, strict=True)),
        InputDigests(request.task.inputs),
    )
    quantum, nodes = problem.quantum_s, request.cluster.nodes
    steps = tuple(
        PlannedStep(
            step=step,
            placement=Placement(
                agent=choice.agent.name,
                node=problem.nodes[schedule.node[i]],
                node_class=nodes[schedule.node[i]].node_class,
                start_s=round(schedule.start[i] * quantum, _DIGITS),
                duration_s=round(choice.duration * quantum, _DIGITS),
                usd=choice.usd,
            ),
            work_key=keys[step.id],
        )
        for i, (step, choice) in enumerate(zip(problem.steps, chosen, strict=True))
    )
    return Plan(
        kind=kind,
        steps=steps,
        pending=problem.flat.pending,
        outputs=problem.flat.outputs,
        origin=origin,
        objective=schedule.value,
    )


def choices_of(problem: Problem, plan: Plan) -> list[tuple[int, int] | None]:
    """Per step, the (choice, node) that a plan placed it with; None where that is not possible now."""
    where = {node: i for i, node in enumerate(problem.nodes)}
    found: list[tuple[int, int] | None] = []
    for step, choices in zip(problem.steps, problem.choices, strict=True):
        planned = plan.by_id.get(step.id)
        node = where.get(planned.placement.node) if planned else None
        agent = planned.placement.agent if planned else None
        group = None if node is None else problem.group_of[node]
        match = [i for i, c in enumerate(choices) if c.agent.name == agent and c.group == group]
        found.append((match[-1], node) if match and node is not None else None)
    return found
