"""Which agents the optimal planner chose in the past, and how likely it chooses them again."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Mapping

from planners.costs import CostModel
from planners.eligibility import Eligibility
from planners.model import AgentName, StepId, canonical_json, digest
from planners.plans import Plan
from planners.requests import PlanRequest
from planners.speculative.choice_statistics import ChoiceCounts, ChoiceStatistics
from planners.tasks import Task
from planners.workflow import FlatWorkflow, Step

# P(an agent is chosen) where others were chosen before it, but never it.
_NEVER_CHOSEN = 0.05
# Of a larger plan, evenly spaced steps are counted: a plan is one observation in any case.
_MOST_OBSERVED = 1_000
_COPY = re.compile(r"(\[\d+\])+$")

# Step -> the agents that the optimal planner chose for it, with their shares, the likeliest first.
AgentShares = Callable[[Step], list[tuple[AgentName, float]]]


class AgentChoices:
    """Counts of chosen agents: per step of a declared workflow, and per capability by kind and objective of task."""

    def __init__(self, size: int) -> None:
        self._statistics = ChoiceStatistics(size)

    def observe(self, task: Task, plan: Plan) -> None:
        """Count the agents of an optimal plan. A plan is one observation, however many copies of a step it holds."""
        chosen: defaultdict[str, Counter[str]] = defaultdict(Counter)
        keys = _keys(task)
        for planned in plan.steps[:: len(plan.steps) // _MOST_OBSERVED + 1]:
            for key in keys(planned.step):
                chosen[key][planned.placement.agent] += 1
        if (workflow := workflow_key(task)) is not None:
            chosen[workflow]["planned"] = 1
        for key, counts in chosen.items():
            self._statistics.observe(key, {name: count / counts.total() for name, count in counts.items()})

    def shares(self, task: Task) -> AgentShares:
        """The shares of agents in tasks like this one: by step where it was planned before, else by capability."""
        keys = _keys(task)

        def of(step: Step) -> list[tuple[AgentName, float]]:
            counts = (self._statistics.of(key) for key in keys(step))
            found = next((count for count in counts if count is not None), ChoiceCounts())
            return [(AgentName(name), share) for name, share in found.ranked()]

        return of

    def knows(self, task: Task) -> bool:
        """Whether a workflow of the same steps was planned before, whatever their inputs."""
        key = workflow_key(task)
        return key is not None and self._statistics.of(key) is not None


def candidates(step: Step, request: PlanRequest) -> list[AgentName]:
    """The agents that may do a step of this task."""
    rule = Eligibility.of_task(request.task, excluded=request.excluded(step.id))
    return [agent.name for agent in rule.agents(step, request.catalog)]


def usual_agents(
    flat: FlatWorkflow, request: PlanRequest, shares: AgentShares, min_share: float
) -> dict[StepId, AgentName]:
    """Per step, the agent with the largest share, if that is at least ``min_share`` and it still may do the step."""
    chosen = dict[StepId, AgentName]()
    for step in flat.steps:
        for agent, share in shares(step)[:1]:
            if step.agent is None and share >= min_share and agent in candidates(step, request):
                chosen[step.id] = agent
    return chosen


def survival_probabilities(  # noqa: PLR0913 -- the inputs of the formula
    plan: Plan,
    work: Mapping[StepId, float],
    request: PlanRequest,
    shares: AgentShares,
    costs: CostModel,
    *,
    certain: Container[StepId] = frozenset(),
) -> dict[StepId, float]:
    """P(step) = P(its work) * product of P(agent) over the distinct choices of itself and its data ancestors.

    ``work`` holds P(work), 1 where a step is missing; the agents of ``certain`` steps are known. Copies of a step
    usually get the same agent, so a capability with an agent counts once in the product: independent choices would make
    the end of a wide fan-in look hopeless.
    """
    choices: dict[StepId, dict[tuple[str, AgentName], float]] = {}
    probability: dict[StepId, float] = {}
    for planned in plan.steps:
        step, agent = planned.step, planned.placement.agent
        above: dict[tuple[str, AgentName], float] = {}
        for parent in step.data_parents:
            above |= choices.get(parent, {})
        if step.id not in certain and len(candidates(step, request)) > 1:
            known = dict(shares(step))
            spec = request.catalog.by_name[agent]
            above[step.capability, agent] = known.get(agent, _NEVER_CHOSEN) if known else costs.survival(spec)
        choices[step.id] = above
        p = work.get(step.id, 1.0)
        for share in above.values():
            p *= share
        probability[step.id] = min(1.0, max(0.0, p))
    return probability


def base_id(step: StepId) -> StepId:
    """The id of a step in the workflow, of which a plan may hold copies."""
    return StepId(_COPY.sub("", step))


def workflow_key(task: Task) -> str | None:
    """A key of the declared workflow by the ids and capabilities of its nodes; None for a goal."""
    if task.workflow is None:
        return None
    nodes = (f"{node.id} {node.capability if isinstance(node, Step) else ''}" for node in task.workflow.walk())
    return digest("workflow", "\n".join(nodes))


def _keys(task: Task) -> Callable[[Step], list[str]]:
    """From specific to general: this step of this workflow, this capability in tasks of this kind and objective."""
    objective = canonical_json(task.objective.model_dump(mode="json"))
    workflow = workflow_key(task)
    known: dict[tuple[str, str], list[str]] = {}

    def of(step: Step) -> list[str]:
        name = base_id(step.id) if workflow is not None else ""
        # The copies of a step, of which there may be thousands, share their keys.
        if (keys := known.get((step.capability, name))) is None:
            keys = [digest("capability", task.kind, objective, step.capability)]
            if workflow is not None:
                keys.insert(0, digest("step", workflow, objective, name))
            known[step.capability, name] = keys
        return keys

    return of
