"""How often the routes of a task take each of their branches, as far as that is known."""

from collections.abc import Callable, Collection, Sequence
from typing import Literal

from pydantic import Field

from planners.model import Model, StepId
from planners.plans import Plan
from planners.speculative.agent_choices import base_id
from planners.speculative.branch_choices import inner_ids
from planners.tasks import Task
from planners.workflow import Route

# (route, number of its branches) -> the share of each branch; None for a route that was never seen.
Shares = Callable[[StepId, int], Sequence[float] | None]


class BranchChance(Model):
    """One branch of a route."""

    branch: str = Field(description="Its condition, `else`, or `none`: no condition holds and there is no `else`")
    steps: tuple[StepId, ...] = Field(default=(), description="The nodes inside")
    probability: float = Field(description="How probable it is")


class RouteChances(Model):
    """The branches of one route."""

    route: StepId = Field(description="The id of the route in the workflow")
    known_from: Literal["inputs", "learned", "nothing"] = Field(
        description="`inputs`: the route is decided already; `learned`: from earlier tasks with the same workflow; "
        "`nothing`: it was never seen, and equal shares are stated"
    )
    branches: tuple[BranchChance, ...] = Field(description="Its branches in order")

    def __str__(self) -> str:
        told = {"inputs": "decided", "learned": "learned", "nothing": "unknown, so equal shares"}[self.known_from]
        return f"{', '.join(f'{one.probability:.0%} {one.branch}' for one in self.branches)} ({told})"


def route_chances(task: Task, plan: Plan, shares: Shares) -> tuple[RouteChances, ...]:
    """The chance of each branch of each route of a declared workflow, given its plan."""
    if task.workflow is None:
        return ()
    undecided = {base_id(pending.id) for pending in plan.pending}
    planned = {base_id(step.id) for step in plan.steps}
    decided = {node.id for node in task.workflow.steps if node.id not in undecided}
    routes = (node for node in task.workflow.walk() if isinstance(node, Route))
    return tuple(_chances(route, planned if route.id in decided else None, shares) for route in routes)


def _chances(route: Route, planned: Collection[StepId] | None, shares: Shares) -> RouteChances:
    """``planned``: the nodes of the plan, if the route is decided."""
    options = _options(route)
    taken = None if planned is None else _taken(options, planned)
    known: Literal["inputs", "learned", "nothing"]
    if taken is not None:
        known, probabilities = "inputs", [float(number == taken) for number in range(len(options))]
    elif (learned := shares(route.id, len(options))) is not None:
        known, probabilities = "learned", list(learned)
    else:
        known, probabilities = "nothing", [1 / len(options)] * len(options)
    branches = [
        BranchChance(branch=name, steps=steps, probability=probability)
        for (name, steps), probability in zip(options, probabilities, strict=True)
    ]
    return RouteChances(route=route.id, known_from=known, branches=tuple(branches))


def _options(route: Route) -> list[tuple[str, tuple[StepId, ...]]]:
    """The name of each branch, and the nodes inside. The last one is no branch, if there is no ``else``."""
    cases = [(case.when, tuple(inner_ids(case))) for case in route.route]
    return [*cases, ("none", ()) if route.otherwise is None else ("else", tuple(inner_ids(route.otherwise)))]


def _taken(options: Sequence[tuple[str, tuple[StepId, ...]]], planned: Collection[StepId]) -> int | None:
    """The number of the branch of which the plan holds nodes; None if that is not clear."""
    held = [number for number, (_, steps) in enumerate(options) if any(step in planned for step in steps)]
    if not held and not options[-1][1]:
        return len(options) - 1
    return held[0] if len(held) == 1 else None
