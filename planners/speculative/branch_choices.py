"""Which branches the routes of declared workflows took in the past, and a workflow that takes the likely ones."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from planners.model import StepId, digest
from planners.plans import Plan
from planners.speculative.agent_choices import base_id, workflow_key
from planners.speculative.choice_statistics import ChoiceStatistics
from planners.tasks import Task
from planners.workflow import Branch, Node, Route, Workflow

_MOST_STEPS = 10_000  # of a plan that is looked at


class LikelyBranch(NamedTuple):
    """The branch that a route probably takes: its number among `Route.branches`, or how many there are for none."""

    number: int
    probability: float


class BranchChoices:
    """Counts by workflow and route."""

    def __init__(self, size: int) -> None:
        self._statistics = ChoiceStatistics(size)

    def observe(self, task: Task, plan: Plan) -> None:
        """Count the branches that the routes of a task took; ``plan`` is its last plan."""
        if task.workflow is None or len(plan.steps) > _MOST_STEPS:
            return
        routes = [node for node in task.workflow.walk() if isinstance(node, Route)]
        if not routes:
            return
        top = {node.id for node in task.workflow.steps}
        copies = [(base_id(planned.id), planned.id) for planned in plan.steps]
        pending = {base_id(node.id) for node in plan.pending}
        for node in routes:
            if node.id in pending:
                continue
            taken = Counter[str]()
            for number, (_, branch) in enumerate(node.branches):
                inside = set(inner_ids(branch))
                taken[str(number)] = len({flat.removeprefix(base) for base, flat in copies if base in inside})
            if not taken.total() and node.id in top:
                taken[str(len(node.branches))] = 1
            if total := taken.total():
                self._statistics.observe(_key(task, node.id), {name: n / total for name, n in taken.items() if n})

    def likely(self, task: Task, route: StepId) -> LikelyBranch | None:
        """The branch that a route took most often; None for a route that was never seen."""
        counts = self._statistics.of(_key(task, route))
        if counts is None:
            return None
        name, share = max(counts.ranked(), key=lambda ranked: ranked[1])
        return LikelyBranch(int(name), share)

    def shares(self, task: Task, route: StepId, options: int) -> list[float] | None:
        """How probable each of so many branches is; None for a route that was never seen."""
        counts = self._statistics.of(_key(task, route))
        return None if counts is None else [counts.share(str(number), options) for number in range(options)]


def guessed_routes(workflow: Workflow, taken: Mapping[StepId, int]) -> tuple[Workflow, dict[StepId, frozenset[StepId]]]:
    """The workflow with some routes decided, whatever their conditions say.

    ``taken``: route -> the number of its branch. Also returns the nodes inside these branches: node -> the routes
    around it.
    """
    around: dict[StepId, frozenset[StepId]] = {}
    steps = tuple(_decided(node, taken, around, frozenset()) for node in workflow.steps)
    return workflow.model_copy(update={"steps": steps}), around


def _decided(
    node: Node, taken: Mapping[StepId, int], around: dict[StepId, frozenset[StepId]], routes: frozenset[StepId]
) -> Node:
    if routes:
        around[node.id] = routes
    if not node.branches:
        return node
    number = taken.get(node.id)
    if isinstance(node, Route) and number is not None:
        routes |= {node.id}
        cases = (case.model_copy(update={"when": str(at == number).lower()}) for at, case in enumerate(node.route))
        node = node.model_copy(update={"route": tuple(cases)})
    branches = [
        branch.model_copy(update={"steps": tuple(_decided(inner, taken, around, routes) for inner in branch.steps)})
        for _, branch in node.branches
    ]
    return node.with_branches(branches)


def inner_ids(branch: Branch) -> Iterator[StepId]:
    """The nodes of a branch, and those of the branches inside."""
    for node in branch.steps:
        yield node.id
        for _, inner in node.branches:
            yield from inner_ids(inner)


def _key(task: Task, route: StepId) -> str:
    return digest("route", workflow_key(task) or "", route)
