"""What a run has used, wasted and saved; the outcome of an attempt."""

from collections.abc import Iterable, Mapping

from planners.agents import AgentSpec, Catalog
from planners.model import StepId, TaskId
from planners.plans import Plan
from planners.tasks import Task
from reconciler.attempts import Attempt
from reconciler.outcomes import Outcome, Verdict


def usd(catalog: Catalog, attempts: Iterable[Attempt]) -> float:
    """Dollars of attempts so far: what they ran, and the call price of each that was begun."""
    return sum(cost_usd(catalog.by_name[attempt.placement.agent], attempt) for attempt in attempts)


def cost_usd(agent: AgentSpec, attempt: Attempt) -> float:
    """Dollars of one attempt; one that never began costs nothing."""
    begun = attempt.started_s is not None or attempt.seconds > 0 or attempt.finished
    return agent.price.of(attempt.seconds) if begun else 0.0


def wasted(attempts: Iterable[Attempt]) -> list[Attempt]:
    """The attempts whose work nobody uses: flushed, migrated away, or failed before they were confirmed."""
    return [attempt for attempt in attempts if attempt.verdict in (Verdict.FLUSH, Verdict.MIGRATE)]


def outcome(task_id: TaskId, task: Task, catalog: Catalog, attempt: Attempt) -> Outcome:
    """What the learner learns from an attempt whose end and verdict are known.

    A speculative attempt really saved the time it had been under way when the plan that confirmed it arrived, and never
    more than it took.
    """
    assert attempt.verdict is not None
    realised_s = None
    if attempt.began_speculative:
        ended_s = attempt.dispatched_s if attempt.ended_s is None else attempt.ended_s
        confirmed_s = attempt.dispatched_s if attempt.confirmed_s is None else attempt.confirmed_s
        realised_s = max(0.0, min(ended_s, confirmed_s) - attempt.dispatched_s)
    return Outcome(
        task=task_id,
        task_kind=task.kind,
        attempt=attempt.id,
        step=attempt.step.id,
        capability=attempt.step.capability,
        agent=attempt.placement.agent,
        node=attempt.placement.node,
        speculative=attempt.began_speculative,
        verdict=attempt.verdict,
        succeeded=attempt.finished,
        seconds=max(0.0, attempt.seconds),
        expected_s=attempt.placement.duration_s,
        usd=cost_usd(catalog.by_name[attempt.placement.agent], attempt),
        output_bytes=attempt.handoff.output_bytes if attempt.handoff else 0,
        probability=attempt.probability,
        saved_s=attempt.saved_s,
        cost_usd=attempt.cost_usd,
        realised_s=realised_s,
    )


def critical_path_s(plan: Plan, seconds: Mapping[StepId, float]) -> float:
    """The longest chain of a plan with the seconds its steps really took: a lower bound on running it."""
    ends: dict[StepId, float] = {}
    for planned in plan.steps:
        start_s = max((ends.get(parent, 0.0) for parent in planned.step.parents), default=0.0)
        ends[planned.id] = start_s + seconds.get(planned.id, 0.0)
    return max(ends.values(), default=0.0)
