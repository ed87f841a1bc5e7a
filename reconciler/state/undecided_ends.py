"""Ends of steps about which no plan has decided yet: a new plan counts them, in the order in which they came.

They are ends in fan-outs while a plan was made that decides about those (`RunData.is_awaited`), guesses that have
finished before a plan held them, and elements whose steps had finished before a plan had unrolled the rest of them. How
many of them one plan finds is a matter of time, and must not decide what a task gives. So are staged outputs promoted
which were held for a plan: at the latest before a later end drops their steps or fails the task.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from planners.joins import shared_id
from planners.model import AttemptId, StepId
from planners.plans import Plan
from planners.workflow import FanOut
from reconciler.state.attempts import Attempt
from reconciler.state.completion import settle_fan_outs
from reconciler.state.failures import apply_policy
from reconciler.state.fan_out_ends import ElementStatus
from reconciler.state.fan_outs import Element
from reconciler.state.giving_up import UNBEGUN
from reconciler.state.handoff import Failure
from reconciler.state.promotion import look_at
from reconciler.state.run_data import RunData
from reconciler.state.step_state import StepStatus
from reconciler.state.step_table import StepTable

_DONE = frozenset({StepStatus.FINISHED, StepStatus.SKIPPED})
_WAITING = frozenset({StepStatus.RETRYING, StepStatus.BLOCKED})


class Ends(NamedTuple):
    """What a new plan has to count.

    Attributes:
        finished: steps that have finished.
        resolved: elements of fan-outs that the plan ends -> their ends.
        failed: steps whose work has failed.
    """

    finished: Iterable[StepId]
    resolved: Mapping[Element, "End"]
    failed: Iterable[StepId]


class End(NamedTuple):
    """``counts_s``: from when on it counts; ``at_s``: when it came; of a step that has failed its ``failure``.

    ``held``: an attempt whose staged output is held, for which nothing else counts.
    """

    counts_s: float
    at_s: float
    step: StepId
    element: Element | None = None
    failure: Failure | None = None
    held: AttemptId | None = None


def ended_by_plan(run: RunData, plan: Plan, statuses: Mapping[StepId, StepStatus]) -> dict[Element, End]:
    """The elements of open fan-outs that a new plan ends, with the last of their steps that has finished.

    Each has ended when that had, or later, when the last of the fan-outs inside was complete. One may have no steps but
    fan-outs inside, with a condition on their defaults.

    Args:
        run: the run, whose fan-outs are still those of the plan before.
        plan: the new plan.
        statuses: of its steps.
    """
    found: dict[Element, End] = {}
    for spec in plan.fan_outs:
        unresolved = frozenset(spec.unresolved)
        for number in _open_before(run, spec):
            steps = spec.elements[number]
            if number not in unresolved and all(statuses.get(step) in _DONE for step in steps):
                fresh = [(*_moment(run, step), step) for step in steps if _has_finished_here(run, statuses, step)]
                reached = _reached_s(run, spec, number)
                if fresh or reached:
                    inside = max(reached, default=0.0)
                    counts_s, at_s, last = max(fresh, key=lambda end: end[:2], default=(inside, inside, StepId("")))
                    element = (spec.id, number)
                    found[element] = End(max(counts_s, inside), max(at_s, inside), last, element)
    return found


def _reached_s(run: RunData, spec: FanOut, number: int) -> list[float]:
    """When the last of the fan-outs inside an element was complete, if it has any.

    A node that several join has ended for each of them when it has for the fan-out that it forms: also for joins that
    the plan is the first to hold.
    """
    elements = [(spec.id, number), *([(shared_id(spec.joins[number]), 0)] if spec.joins else ())]
    return [run.facts.reached_s[element] for element in elements if element in run.facts.reached_s]


def going_on_in_elements(run: RunData, before: StepTable) -> Iterator[StepId]:
    """The steps that wait for a retry or for a plan in elements that have a place in their fan-outs.

    An element keeps its place when another plan comes meanwhile.

    Args:
        run: the run, with the steps of the new plan, and the fan-outs of the one before.
        before: the steps of the plan before.
    """
    for step, status in before.statuses.items() if run.fan_outs.open else ():
        waits = status in _WAITING and step in run.steps and run.steps[step].status in UNBEGUN
        if waits and all(fan_out.elements[number].admitted for fan_out, number in run.fan_outs.having(step)):
            yield step


def _has_finished_here(run: RunData, statuses: Mapping[StepId, StepStatus], step: StepId) -> bool:
    """Whether a step has finished, and not for an earlier task."""
    return statuses[step] is StepStatus.FINISHED and not run.attempts[run.steps.attempt_of(step)].kept


def _open_before(run: RunData, spec: FanOut) -> Iterator[int]:
    """The elements of a fan-out that had not ended, or about whose end nothing was decided."""
    before = run.fan_outs.open.get(spec.id)
    if before is None and spec.id in run.facts.completions:
        return
    for number in range(len(spec.elements)):
        is_open = before is None or before.elements[number].status is ElementStatus.OPEN
        if is_open or (spec.id, number) in run.fan_outs.resolved:
            yield number


def count_ends(run: RunData, plan: Plan, ends: Ends) -> None:
    """Take ends in, now that the plan holds their steps. Until then the fan-outs take finished steps for running ones.

    Args:
        run: the run.
        plan: the plan, or a prefix of it.
        ends: what it counts.
    """
    found = [*_successes(run, ends), *_failures(run, ends.failed), *_held(run)]
    for end in sorted(found, key=lambda end: end[:3]):
        run.counts_s = end.counts_s
        settle_fan_outs(run)  # one end may drop the steps of the next
        if end.held is not None:
            if not run.ending:
                look_at(run, end.held)
        elif end.element is not None:
            run.fan_outs.resolve(end.element)
        elif end.failure is None:
            run.fan_outs.moved(end.step, StepStatus.RUNNING, run.steps[end.step].status)
        elif not run.status.ended and run.steps[end.step].status is not StepStatus.SKIPPED:
            planned = plan.by_id[end.step]
            agent = run.catalog.by_name[planned.placement.agent]
            apply_policy(run, planned.step, agent, end.failure, end.at_s)
        settle_fan_outs(run)  # what this end completes was complete then, not when the next one came
    run.counts_s = run.at_s
    settle_fan_outs(run)


def _successes(run: RunData, ends: Ends) -> Iterator[End]:
    for step in ends.finished:
        yield End(*_moment(run, step), step)
    yield from ends.resolved.values()


def _held(run: RunData) -> Iterator[End]:
    for attempt in map(run.attempts.__getitem__, run.held.new):
        yield End(*_moment_of(attempt), attempt.step.id, held=attempt.id)


def _moment(run: RunData, step: StepId) -> tuple[float, float]:
    """When a finished step counted or counts, at the earliest, and when it finished."""
    counted_s, at_s = _moment_of(run.attempts[run.steps.attempt_of(step)])
    return max(counted_s, run.steps.counted_s.get(step, 0.0)), at_s


def _moment_of(attempt: Attempt) -> tuple[float, float]:
    return attempt.counts_s, attempt.ended_s or 0.0


def _failures(run: RunData, failed: Iterable[StepId]) -> Iterator[End]:
    for step in failed:
        if (last := run.tries.last(run.keys[step])) is not None:
            failure, at_s = last
            yield End(at_s, at_s, step, failure=failure)
