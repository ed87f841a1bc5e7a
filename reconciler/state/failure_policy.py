"""What to do when an attempt has failed: retry it, plan around its agent, or fail the run. Pure decisions."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from planners.agents import AgentSpec, Catalog
from planners.amounts import dollars
from planners.eligibility import Eligibility
from planners.model import AgentName, WorkKey, digest
from planners.tasks import Task
from planners.workflow import Step
from reconciler.state.attempts import Attempt
from reconciler.state.handoff import Failure, FailureKind

# A step that took this many times what the plan expected, and that long beyond it, has proved the plan wrong.
OVERRUN_FACTOR = 3.0
OVERRUN_SHARE_OF_PLAN = 0.1
OVERRUN_LEAST_S = 1.0

# Work that is lost this often in a row through nobody's fault counts as failed after all: it may be what kills its
# hosts, and every run must end.
MOST_LOST = 20


@dataclass(frozen=True, slots=True)
class RetryLater:
    """The same agent again, from ``at_s`` on."""

    at_s: float


@dataclass(frozen=True, slots=True)
class PlanAround:
    """A new plan without this agent."""


@dataclass(frozen=True, slots=True)
class FailRun:
    """No retry and no other agent can help."""


AfterFailure = RetryLater | PlanAround | FailRun


def after_failure(  # noqa: PLR0913 what the decision depends on, named at the call
    agent: AgentSpec,
    failure: Failure,
    tries: int,
    failed_at_s: float,
    *,
    others: bool,
    repeatable: bool = False,
    step: Step | None = None,
) -> AfterFailure:
    """Decide after a failure that was the ``tries``-th of one piece of work.

    Args:
        agent: the one that failed.
        failure: its last one.
        tries: how many tries the work has used up; a failure that does not count leaves it as it is.
        failed_at_s: when; the pause is counted from here and doubles from try to try.
        others: whether another agent that has not failed for good may do the step.
        repeatable: whether an irreversible agent is known not to have acted.
        step: whose retry policy takes the place of the agent's, if it has one.
    """
    if not failure.retryable or (agent.effect.never_twice and not (repeatable or failure.never_began)):
        return FailRun()
    if failure.unavailable and not failure.counts and others:
        return PlanAround()
    retry = step.retry if step is not None else None
    if retry is None:
        pause_s, left = agent.retry.backoff_s * 2 ** (tries - 1), tries < agent.retry.max_attempts
    else:
        pause_s = retry.pause_s(tries, _drawn(step, tries))
        left = tries < retry.max_attempts and (not retry.on or failure.kind in retry.on or not failure.counts)
    if left:
        return RetryLater(failed_at_s + max(pause_s if failure.counts else 0.0, failure.retry_after_s or 0.0))
    return PlanAround() if others else FailRun()


def _drawn(step: Step | None, tries: int) -> float:
    """A number in 0..1 that spreads the retries of like steps, and is the same in a replay."""
    return int(digest("" if step is None else step.id, str(tries))[:8], 16) / 2**32


class Tries:
    """How often each piece of work has failed, whether its attempts were speculative or not."""

    def __init__(self) -> None:
        self._used: Counter[WorkKey] = Counter()
        self._lost: Counter[WorkKey] = Counter()
        self._last: dict[WorkKey, tuple[Failure, float]] = {}

    def record(self, work: WorkKey, failure: Failure, at_s: float) -> Failure:
        """Take in a failure; returns it, as one that counts if the work was lost too often."""
        if not failure.counts:
            self._lost[work] += 1
            if self._lost[work] > MOST_LOST:
                failure = failure.model_copy(update={"counts": True})
        self._used[work] += failure.counts
        self._last[work] = (failure, at_s)
        return failure

    def forget(self, work: WorkKey) -> None:
        """The step that has failed is not done again; the failure is none of a like step that takes its work key."""
        del self._used[work], self._lost[work]
        self._last.pop(work, None)

    def used(self, work: WorkKey) -> int:
        """How many tries the work has used up."""
        return self._used[work]

    def refusal(self, work: WorkKey) -> str:
        """Why the last output of the work was refused; empty if it was not."""
        failure, _ = self._last.get(work, (None, 0.0))
        return failure.message if failure is not None and failure.kind is FailureKind.BAD_OUTPUT else ""

    def last(self, work: WorkKey) -> tuple[Failure, float] | None:
        """The last failure of the work and when it was, if it has failed."""
        return self._last.get(work)


def guess_failure_counts(failure: Failure) -> bool:
    """Whether the failure of a speculative attempt says something about its agent.

    One that no retry can mend is left to a confirmed attempt: the guess may have been given what no plan would give.
    """
    return failure.retryable and failure.counts and failure.kind is not FailureKind.NODE_LOST


def others_can(step: Step, agent: AgentName, task: Task, catalog: Catalog, gone: Collection[AgentName]) -> bool:
    """Whether an agent other than this one, and that has not failed for good, may do the step."""
    return bool(Eligibility.of_task(task, excluded={*gone, agent}).agents(step, catalog))


def limit_passed(deadline_s: float | None, budget_usd: float | None, now_s: float, spent_usd: float) -> Failure | None:
    """The limit that the run has passed, if any."""
    if deadline_s is not None and now_s >= deadline_s:
        message = f"the deadline of {deadline_s:g} s has passed"
        return Failure(
            kind=FailureKind.LIMIT, message=message, fix="raise limits.deadline_s, or give the task less to do"
        )
    # Dollars are added up as attempts change, so a sum may be off in its last digit.
    if budget_usd is not None and spent_usd > budget_usd + 1e-9:
        message = f"{dollars(spent_usd)} are spent of a budget of {dollars(budget_usd)}"
        return Failure(kind=FailureKind.LIMIT, message=message, fix="raise limits.budget_usd, or offer cheaper agents")
    return None


def overran(attempt: Attempt, makespan_s: float, unfinished: int) -> bool:
    """Whether an attempt took so much longer than planned that a new plan for the rest is worth its while.

    Args:
        attempt: a finished one.
        makespan_s: of the plan.
        unfinished: how many steps the plan has left.
    """
    expected_s = attempt.placement.duration_s
    return unfinished > 1 and expected_s > 0 and attempt.seconds - expected_s > overrun_s(expected_s, makespan_s)


def overrun_s(expected_s: float, makespan_s: float) -> float:
    """How many seconds beyond its expected ones prove the plan wrong."""
    return max(OVERRUN_LEAST_S, OVERRUN_SHARE_OF_PLAN * makespan_s, (OVERRUN_FACTOR - 1) * expected_s)
