"""What a run has used, wasted and saved."""

from collections.abc import Iterable, Mapping

from planners.agents import AgentSpec, Catalog
from planners.model import StepId, canonical_json
from planners.plans import Plan
from reconciler.state.attempts import Attempt
from reconciler.state.outcomes import Verdict


def usd(catalog: Catalog, attempts: Iterable[Attempt]) -> float:
    """Dollars of attempts so far: their run time, and the call price of each that began."""
    return sum(cost_usd(catalog.by_name[attempt.placement.agent], attempt) for attempt in attempts)


def cost_usd(agent: AgentSpec, attempt: Attempt) -> float:
    """Dollars of one attempt: what it reports, else by the agent's price. One that never began costs nothing.

    Neither does one that is kept from an earlier task, which has paid for it.
    """
    if attempt.kept:
        return 0.0
    usage = attempt.handoff.usage if attempt.handoff is not None else None
    if usage is not None and usage.usd is not None:
        return usage.usd
    begun = attempt.started_s is not None or attempt.seconds > 0 or attempt.finished
    return agent.price.of(attempt.seconds) if begun else 0.0


def tokens(agent: AgentSpec, attempt: Attempt) -> float:
    """Tokens of one attempt that has ended: what it reports, else what the agent declares if it began."""
    if attempt.kept or attempt.live:
        return 0.0
    usage = attempt.handoff.usage if attempt.handoff is not None else None
    if usage is not None:
        return usage.input_tokens + usage.output_tokens
    return agent.tokens_per_call if attempt.started_s is not None or attempt.finished else 0.0


def context_bytes(attempt: Attempt) -> int:
    """What an attempt has added to the context of its task, in bytes of JSON."""
    if not attempt.step.writes or not attempt.finished or attempt.handoff is None:
        return 0
    return len(canonical_json(attempt.handoff.context).encode())


def wasted(attempts: Iterable[Attempt]) -> list[Attempt]:
    """The attempts whose work no plan uses: flushed, migrated, or failed before one confirmed them."""
    return [attempt for attempt in attempts if attempt.verdict in (Verdict.FLUSH, Verdict.MIGRATE)]


def critical_path_s(plan: Plan, seconds: Mapping[StepId, float]) -> float:
    """The longest chain of a plan, given the seconds its steps really took: a lower bound on its run time."""
    ends: dict[StepId, float] = {}
    for planned in plan.steps:
        start_s = max((ends.get(parent, 0.0) for parent in planned.step.parents), default=0.0)
        ends[planned.id] = start_s + seconds.get(planned.id, 0.0)
    return max(ends.values(), default=0.0)
