"""What a run has used, wasted and saved."""

from collections.abc import Iterable, Mapping

from planners.agents import AgentSpec, Catalog
from planners.model import StepId
from planners.plans import Plan
from reconciler.state.attempts import Attempt
from reconciler.state.outcomes import Verdict


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


def critical_path_s(plan: Plan, seconds: Mapping[StepId, float]) -> float:
    """The longest chain of a plan with the seconds its steps really took: a lower bound on running it."""
    ends: dict[StepId, float] = {}
    for planned in plan.steps:
        start_s = max((ends.get(parent, 0.0) for parent in planned.step.parents), default=0.0)
        ends[planned.id] = start_s + seconds.get(planned.id, 0.0)
    return max(ends.values(), default=0.0)
