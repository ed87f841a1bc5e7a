"""What the final failure of a step means: it is skipped, its element of a fan-out fails, or the run does."""

from collections.abc import Collection

from planners.built_in_names import SHARED
from planners.joins import shared_id
from planners.model import StepId
from planners.policies import OnFailure
from planners.workflow import Step
from reconciler.state.attempts import AttemptStatus
from reconciler.state.commands import PlanReason
from reconciler.state.conclusion import fail, flush
from reconciler.state.fan_out_ends import CompletionReason, ElementStatus
from reconciler.state.fan_outs import Element
from reconciler.state.handoff import Failure
from reconciler.state.outcomes import Verdict
from reconciler.state.run_data import RunData
from reconciler.state.step_state import StepStatus
from reconciler.state.undecided_steps import StepChange
from reconciler.state.undo_plan import give_up_undoing

UNBEGUN = frozenset({StepStatus.WAITING, StepStatus.READY, StepStatus.HELD, StepStatus.RETRYING, StepStatus.BLOCKED})
LIVE = frozenset({StepStatus.DISPATCHED, StepStatus.RUNNING})
_DONE = frozenset({StepStatus.FINISHED})


def give_up(run: RunData, step: Step, failure: Failure, told: str) -> None:
    """A step of the plan has failed for good.

    Args:
        run: the run.
        step: as the plan holds it.
        failure: names the step.
        told: the failure without the step.
    """
    if run.undoing is not None:
        give_up_undoing(run, step.id, told)
        return
    run.steps.fail(step.id, run.at_s, told)
    run.facts.failed_work[run.steps[step.id].work_key] = step.id
    if step.on_failure is not OnFailure.FAIL or step.id in run.facts.left_steps:
        run.facts.give_up(step.id, failure.message)
        run.facts.ask(run.counts_s)
        # Also where a default stands in for its output: what it would have written to the context is missing.
        run.change(StepChange(frozenset({step.id}), around=True))
        return
    around = run.fan_outs.around(step.id)
    if around:
        run.facts.give_up(step.id, failure.message)
        fail_element(run, around[0], failure)
    else:
        fail(run, failure)


def await_plan(run: RunData, step: StepId) -> None:
    """The step has failed; that counts if the next plan still holds the step, and before what ends meanwhile.

    If the workflow goes on without it, that includes what has run ahead of it: that is skipped then.
    """
    run.failing[step] = None
    assert run.plan is not None
    if run.plan.by_id[step].step.on_failure is not OnFailure.FAIL:
        run.undecided.add(StepChange(frozenset({step}), around=True))
    run.undecided.add_fan_outs([step])
    run.steps.block(step, run.at_s, PlanReason.SETTLED)


def fail_element(run: RunData, element: Element, failure: Failure) -> None:
    """An element of an open fan-out has failed; the fan-out decides later what that means."""
    run.facts.failures[element] = failure
    _change_element(run, element)
    run.fan_outs.fail(*element)
    drop(run, element, failure.message)


def miss_element(run: RunData, element: Element, reason: str) -> None:
    """An open fan-out goes on without an element that has not ended."""
    _change_element(run, element)
    run.fan_outs.miss(*element)
    drop(run, element, reason)


def _change_element(run: RunData, element: Element) -> None:
    """Other elements that read this one may be skipped; what reads the fan-out gets other inputs."""
    fan_out, number = element
    run.change(StepChange(frozenset(run.fan_outs.specs[fan_out].elements[number]), within=fan_out))


def drop(run: RunData, element: Element, reason: str) -> None:
    """Stop the work on an element, unless others read it. An act that may be under way in it is awaited.

    What has finished after that, while a plan was made, had not finished then: its staged output does not get out.
    """
    fan_out, number = element
    spec = run.fan_outs.specs[fan_out]
    steps = spec.elements[number]
    if number in spec.watched:
        stop_unawaited(run, spec.joins[number], reason)
        return
    acting = [step for step in steps if may_be_acting(run, step)]
    stopped = [step for step in steps if step not in acting and not _has_finished(run, step)]
    if acting:
        run.facts.leave(element, steps, acting, reason)
        run.facts.gone.update(stopped)
    else:
        run.facts.drop(element, stopped, reason)
        for inner in run.fan_outs.inside(element):
            close(run, inner, CompletionReason.CANCELLED, succeeded=False)
    live = [state.attempt for step in stopped if (state := run.steps[step]).status in LIVE | _DONE]
    for step in stopped:
        if run.steps[step].status in UNBEGUN | LIVE | _DONE:
            run.steps.skip(step, run.at_s, reason)
    flush(run, {attempt: Verdict.FLUSH for attempt in live if attempt is not None})


def skip_flushed(run: RunData) -> None:
    """A plan has counted: steps of dropped elements whose attempts it has flushed do not run on.

    Such a step had finished when its element was dropped, and lost its output since.
    """
    for step in sorted(run.facts.gone & run.steps.statuses.keys()):
        if run.steps[step].status in LIVE and run.attempts[run.steps.attempt_of(step)].status is AttemptStatus.FLUSHED:
            run.steps.skip(step, run.at_s, "its element was dropped")


def _has_finished(run: RunData, step: StepId) -> bool:
    """Whether a step has finished by `RunData.counts_s`. Nothing that has acted is taken back."""
    state = run.steps[step]
    if state.status is not StepStatus.FINISHED or state.attempt is None:
        return False
    attempt = run.attempts[state.attempt]
    return run.is_act(attempt) or attempt.counts_s <= run.counts_s


def drop_left(run: RunData) -> None:
    """Drop the elements in which only acts were awaited that are over: before a plan unrolls what follows them.

    An act of them that failed is not tried again.
    """
    for element, (steps, reason) in () if run.ending else list(run.facts.acting.items()):
        acting = [step for step in steps if step in run.steps]
        if any(may_be_acting(run, step) for step in acting):
            continue
        del run.facts.acting[element]
        failed = [step for step in acting if run.steps[step].status in UNBEGUN]
        run.facts.drop(element, failed, reason)
        run.facts.ask(run.counts_s)
        for step in failed:
            run.steps.skip(step, run.at_s, reason)


def close(
    run: RunData,
    fan_out: StepId,
    reason: CompletionReason,
    *,
    succeeded: bool,
    kept: Collection[int] | None = None,
) -> None:
    """Note how a fan-out has ended. Each plan that still holds it ends it again, which is no news.

    ``kept``: the elements whose results count; by default all that have one.
    """
    closed, why = run.fan_outs.open[fan_out], dict[int, str]()
    if closed.counts[ElementStatus.FAILED]:
        why = {number: failure.message for (of, number), failure in run.facts.failures.items() if of == fan_out}
    why |= {number: closed.named(number, told) for number, told in run.facts.times.late.get(fan_out, {}).items()}
    completion = closed.completion((reason, succeeded), run.at_s, why, kept)
    known = run.facts.completions.get(fan_out)
    if known is None or known != completion.model_copy(update={"at_s": known.at_s}):
        run.facts.completions[fan_out] = completion
        _note_end(run, fan_out)
    for step in run.fan_outs.close(fan_out):
        run.steps.release(step, run.at_s)
    for number in closed.spec.watched:
        stop_unawaited(run, closed.spec.joins[number], f"{closed.spec.told} is complete without it: {reason.value}")


def _note_end(run: RunData, fan_out: StepId) -> None:
    """Note when a fan-out was complete for the elements around it: a plan may have to tell that they end with it."""
    quorum = run.facts.quorums.get(fan_out)
    at_s = run.counts_s if quorum is None or quorum.answer is None else quorum.answer.at_s
    name: StepId | None = fan_out
    while name is not None and (spec := run.fan_outs.specs.get(name)) is not None:
        for element in (*run.fan_outs.joining(name), *([spec.within] if spec.within is not None else [])):
            run.facts.reached_s[element] = max(at_s, run.facts.reached_s.get(element, 0.0))
        name = None if spec.within is None else spec.within[0]


def stop_unawaited(run: RunData, joined: StepId, reason: str) -> None:
    """Stop a node that only joins read once none of them waits for it."""
    shared = shared_id(joined)
    if shared not in run.fan_outs.open or run.fan_outs.awaits(joined):
        return
    if any(may_be_acting(run, step) for step in run.fan_outs.specs[shared].elements[0]):
        return
    drop(run, (shared, 0), reason)
    close(run, shared, CompletionReason.CANCELLED, succeeded=False)
    run.facts.keep(shared, (), run.counts_s)


def fail_shared(run: RunData, shared: StepId, failure: Failure) -> None:
    """A node that only joins read has failed: for each of them, one of its elements has."""
    for element in run.fan_outs.joining(StepId(shared.removeprefix(SHARED))):
        run.facts.failures[element] = failure
        run.fan_outs.fail(*element)


def may_be_acting(run: RunData, step: StepId) -> bool:
    """Whether an irreversible attempt of the step runs, or is in doubt."""
    state = run.steps[step]
    if state.status is StepStatus.IN_DOUBT:
        return True
    return state.status in LIVE and state.attempt is not None and run.is_act(run.attempts[state.attempt])
