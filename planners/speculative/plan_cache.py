"""The plan cache: past optimal plans by goal, their agents and branches, and where their steps got their inputs.

Bounded and in memory; a service fills it again from its journal.
"""

from collections import defaultdict
from collections.abc import Sequence
from threading import RLock

from planners.model import StepId, digest
from planners.plans import Plan, PlanKind
from planners.speculative.agent_choices import AgentChoices, AgentShares
from planners.speculative.binding_sources import BindingSource, BindingSources
from planners.speculative.branch_choices import BranchChoices, LikelyBranch
from planners.speculative.cached_plan import CachedPlan, CacheHit, literal_strings, mask_steps
from planners.speculative.cached_plan_index import CachedPlanIndex
from planners.speculative.template import SlotKind, Template, collapsed, literals, template_of
from planners.tasks import Task
from planners.workflow import Goal, Step

# Choices are counted for so many times more keys than plans are cached.
_CHOICES_PER_PLAN = 8
# A plan beyond these bounds is not cached, only its choices are counted: it would take too long to fill in, or too much
# memory. Characters of its goal, its steps, characters of their literals.
_LONGEST_GOAL, _MOST_STEPS, _MOST_CHARACTERS = 10_000, 1_000, 200_000


class PlanCache:
    """At most ``size`` plans. Thread-safe: one thread may guess while another remembers."""

    def __init__(self, size: int = 2000) -> None:
        self._lock = RLock()
        self._plans = CachedPlanIndex(size)
        self._agents = AgentChoices(_CHOICES_PER_PLAN * size)
        self._branches = BranchChoices(_CHOICES_PER_PLAN * size)
        self._sources = BindingSources(_CHOICES_PER_PLAN * size)

    def __len__(self) -> int:
        return len(self._plans)

    def remember(self, task: Task, plan: Plan) -> None:
        """Learn from the optimal plan of a task. Prefixes, guesses and fallbacks are ignored."""
        is_final = plan.kind is PlanKind.OPTIMAL and plan.complete and not plan.origin.startswith("fallback")
        if not is_final or not plan.steps:
            return
        text = _goal_text(task)
        cached = _cached_plan(task, text, plan) if text is not None else None
        with self._lock:
            self._agents.observe(task, plan)
            self._branches.observe(task, plan)
            if cached is None or text is None:
                return
            self._sources.observe(cached.steps)
            before = self._plans.match(task.kind, cached.input_names, text)
            if before is not None and before[0].template.texts == cached.template.texts:
                cached = before[0].followed_by(cached)
            self._plans.put(cached)

    def prepare(self) -> None:
        """Do what the next look for a similar goal would otherwise begin with: 2.5 ms of CPU with 1,700 plans."""
        with self._lock:
            self._plans.prepare()

    def exact(self, task: Task) -> CacheHit | None:
        """The plan of a goal with the same template, with this goal's values; or of the same workflow with goals."""
        if (text := _goal_text(task)) is None:
            return None
        with self._lock:
            found = self._plans.match(task.kind, tuple(sorted(task.inputs)), text)
        if found is None:
            return None
        cached, values = found
        return CacheHit(
            steps=cached.steps_for(values, task.goal or text),
            outputs=cached.outputs,
            probability={step.id: cached.trust_in(step.id) for step in cached.steps},
            exact=True,
        )

    def nearest(self, task: Task, least: float = 0.0) -> CacheHit | None:
        """The plan of the goal with the most similar words, with the values of this goal where they can be told.

        None if the similarity of that goal is below ``least``, 0..1.
        A step's probability is its trust times the square of the similarity: a quarter at half the words in common.
        """
        text = _goal_text(task)
        if task.goal is None or text is None:
            return None
        with self._lock:
            found = self._plans.nearest(text)
        if found is None or found[1] < least:
            return None
        cached, similarity = found
        return CacheHit(
            steps=cached.steps_for(_likely_values(cached.template, text), task.goal),
            outputs=cached.outputs,
            probability={step.id: similarity**2 * cached.trust_in(step.id) for step in cached.steps},
            exact=False,
            similarity=similarity,
        )

    def agent_shares(self, task: Task) -> AgentShares:
        """The agents that the optimal planner chose in tasks like this one."""
        return self._agents.shares(task)

    def knows_workflow(self, task: Task) -> bool:
        """Whether a declared workflow of the same steps was planned before, whatever their inputs."""
        return self._agents.knows(task)

    def likely_branch(self, task: Task, route: StepId) -> LikelyBranch | None:
        """The branch that a route of the task's workflow took most often; None if it was never seen."""
        with self._lock:
            return self._branches.likely(task, route)

    def branch_shares(self, task: Task, route: StepId, options: int) -> list[float] | None:
        """How probable each of so many branches of a route is; None if it was never seen."""
        with self._lock:
            return self._branches.shares(task, route, options)

    def sources(self, capability: str, name: str) -> Sequence[tuple[BindingSource, float]]:
        """Where an input of a capability came from in past plans, with shares."""
        return self._sources.of(capability, name)


def _goal_text(task: Task) -> str | None:
    """The text that identifies what is to be planned: the goal, or a digest of the workflow if it contains goals."""
    if task.goal is not None:
        return collapsed(task.goal) if len(task.goal) <= _LONGEST_GOAL else None
    assert task.workflow is not None, "a task has a goal or a workflow"
    if any(isinstance(node, Goal) for node in task.workflow.walk()):
        return digest("workflow", task.workflow.digest)
    return None


def _cached_plan(task: Task, text: str, plan: Plan) -> CachedPlan | None:
    if len(plan.steps) > _MOST_STEPS:
        return None
    steps: Sequence[Step] = [planned.step for planned in plan.steps]
    used = list(literal_strings(steps))
    if sum(map(len, used)) > _MOST_CHARACTERS:
        return None
    template, values = Template(texts=(text,)), tuple[str, ...]()
    if task.goal is not None:
        inputs = {value for value in task.inputs.values() if isinstance(value, str)}
        template, values = template_of(text, {*used, *inputs})
    return CachedPlan(
        kind=task.kind,
        template=template,
        searchable=task.goal is not None,
        input_names=tuple(sorted(task.inputs)),
        steps=mask_steps(steps, task.inputs, values, text),
        outputs=plan.outputs,
    )


def _likely_values(template: Template, text: str) -> list[str | None]:
    """For each slot the next value of its kind in a goal that does not match; None: there is none."""
    left: defaultdict[SlotKind, list[str]] = defaultdict(list)
    for literal in reversed(literals(text)):
        left[literal.kind].append(literal.text)
    return [left[slot.kind].pop() if left[slot.kind] else None for slot in template.slots]
