"""What to do when a confirmed attempt fails: try again, plan around it, or end the run. Pure decisions."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from planners.agents import AgentSpec, Catalog, Effect
from planners.bindings import step_refs
from planners.eligibility import Eligibility
from planners.model import AgentName, AttemptId, NodeId, StepId
from planners.plans import Plan
from planners.tasks import Task
from reconciler.state.attempts import Attempt
from reconciler.state.handoff import Failure, FailureKind

# A step that took this many times what the plan expected, and that long beyond it, has proved the plan wrong.
FAR_OFF_FACTOR = 3.0
FAR_OFF_SHARE_OF_PLAN = 0.1
FAR_OFF_LEAST_S = 1.0


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The same agent, after a pause."""

    at_s: float


@dataclass(frozen=True, slots=True)
class PlanAround:
    """A new plan of authority, without this agent."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Nothing can mend it."""


Remedy = TryAgain | PlanAround | GiveUp


def remedy(agent: AgentSpec, failure: Failure, tries: int, now_s: float, *, others: bool) -> Remedy:
    """Decide after the ``tries``-th failure of one piece of work.

    An irreversible agent is never repeated: nobody knows how far it came. ``others`` says whether another agent that
    has not failed may do the step. The pause doubles from try to try.
    """
    if not failure.retryable or agent.effect is Effect.IRREVERSIBLE:
        return GiveUp()
    if tries < agent.retry.max_attempts:
        return TryAgain(now_s + agent.retry.backoff_s * 2 ** (tries - 1))
    return PlanAround() if others else GiveUp()


def outputs_lost(
    plan: Plan, serving: Mapping[StepId, AttemptId], attempts: Mapping[AttemptId, Attempt], node: NodeId
) -> dict[AttemptId, list[StepId]]:
    """Finished attempts whose large output went with a node and is still to be read, each with the steps that wait."""
    waiting: dict[StepId, list[StepId]] = {ref.step: [] for out in plan.outputs.values() for ref in step_refs(out)}
    for planned in plan.steps:
        reader = serving.get(planned.id)
        if reader is None or not attempts[reader].finished:
            for parent in planned.step.data_parents:
                waiting.setdefault(parent, []).append(planned.id)
    held = {step: attempts[serving[step]] for step in waiting if step in serving}
    return {
        attempt.id: waiting[step]
        for step, attempt in held.items()
        if attempt.finished and attempt.placement.node == node and attempt.handoff and attempt.handoff.by_reference
    }


def others_can(attempt: Attempt, task: Task, catalog: Catalog, gone: Collection[AgentName]) -> bool:
    """Whether an agent that has not failed for good, other than the attempt's own, may do its step."""
    rule = Eligibility.of_task(task, excluded={*gone, attempt.placement.agent})
    return bool(rule.agents(attempt.step, catalog))


def limit_passed(deadline_s: float | None, budget_usd: float | None, now_s: float, spent_usd: float) -> Failure | None:
    """The hard bound that the run has passed, if any."""
    if deadline_s is not None and now_s >= deadline_s:
        message = f"the deadline of {deadline_s:g} s has passed"
        return Failure(kind=FailureKind.LIMIT, message=message, fix="raise limits.deadline_s")
    if budget_usd is not None and spent_usd > budget_usd:
        message = f"${spent_usd:.4f} are spent of a budget of ${budget_usd:.4f}"
        return Failure(kind=FailureKind.LIMIT, message=message, fix="raise limits.budget_usd")
    return None


def far_off(attempt: Attempt, plan: Plan, unfinished: int) -> bool:
    """Whether an attempt took so much longer than planned that the rest is worth planning anew."""
    expected_s = attempt.placement.duration_s
    over_s = attempt.seconds - expected_s
    threshold_s = max(FAR_OFF_LEAST_S, FAR_OFF_SHARE_OF_PLAN * plan.makespan_s, (FAR_OFF_FACTOR - 1) * expected_s)
    return unfinished > 1 and expected_s > 0 and over_s > threshold_s
