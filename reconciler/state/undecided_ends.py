"""Ends of steps about which no plan has decided yet: a new plan counts them, in the order in which they came.

They are ends while a plan was made that may skip the step (`RunData.plan_may_skip`), and guesses that have finished
before a plan held them. How many of them one plan finds is a matter of time, and must not decide what a task gives.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from planners.model import StepId
from planners.plans import Plan
from reconciler.state.completion import settle_fan_outs
from reconciler.state.failures import apply_policy
from reconciler.state.handoff import Failure
from reconciler.state.run_data import RunData
from reconciler.state.step_state import StepStatus


class _End(NamedTuple):
    """``counts_s``: from when on it counts; ``at_s``: when it came; ``failure``: None where the step has finished."""

    counts_s: float
    at_s: float
    step: StepId
    failure: Failure | None


def count_ends(run: RunData, plan: Plan, finished: Iterable[StepId], failed: Iterable[StepId]) -> None:
    """Take ends in, now that the plan holds their steps.

    Args:
        run: the run; its fan-outs take the finished steps for running ones.
        plan: the plan, or a prefix of it.
        finished: steps that have finished.
        failed: steps whose work has failed.
    """
    for end in sorted([*_successes(run, finished), *_failures(run, failed)], key=lambda end: end[:3]):
        settle_fan_outs(run, end.counts_s)  # one end may drop the steps of the next
        if end.failure is None:
            run.fan_outs.moved(end.step, StepStatus.RUNNING, StepStatus.FINISHED)
        elif not run.status.ended and run.steps[end.step].status is not StepStatus.SKIPPED:
            planned = plan.by_id[end.step]
            agent = run.catalog.by_name[planned.placement.agent]
            apply_policy(run, planned.step, agent, end.failure, end.at_s)
    settle_fan_outs(run)


def _successes(run: RunData, finished: Iterable[StepId]) -> Iterator[_End]:
    for step in finished:
        attempt = run.attempts[run.steps.attempt_of(step)]
        at_s = 0.0 if attempt.ended_s is None else attempt.ended_s
        yield _End(max(at_s, attempt.confirmed_s or 0.0), at_s, step, None)


def _failures(run: RunData, failed: Iterable[StepId]) -> Iterator[_End]:
    for step in failed:
        if (last := run.tries.last(run.keys[step])) is not None:
            failure, at_s = last
            yield _End(at_s, at_s, step, failure)
