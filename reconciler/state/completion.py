"""Fan-outs begin, reach their limits, time out and are complete; the next plan goes on with what they have.

While a plan is made that may skip or end elements of a fan-out, the fan-out is not decided about: the steps of an
element may all have finished, and the plan may skip the element. Once it is there, the ends of steps count in their
order.

A fan-out that needs results and has no elements has failed as soon as a plan says so. That counts before all else that
the plan counts: the element around it has no step that could end, and must not pass for a result until then.
"""

import math

from planners.built_in_names import SHARED
from planners.model import StepId
from planners.policies import OnFailure
from reconciler.state import commands as c
from reconciler.state.conclusion import fail
from reconciler.state.fan_out_ends import CompletionReason, ElementStatus
from reconciler.state.giving_up import close, drop, fail_element, fail_shared
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.open_fan_outs import OpenFanOut
from reconciler.state.quorums import Consulted, consult, is_later, note_results
from reconciler.state.run_data import RunData
from reconciler.state.stragglers import drop_stragglers, note_elements
from reconciler.state.undecided_steps import StepChange


def settle_fan_outs(run: RunData) -> None:
    """Take in what the last changes of steps mean for the fan-outs around them, until `RunData.counts_s`."""
    fan_outs, now_s = run.fan_outs, run.counts_s
    if fan_outs.are_settled:
        return
    for begun in fan_outs.take_begun():
        if begun not in run.facts.started_s:
            _start(run, fan_outs.open[begun])
    fan_outs.look_again()
    for unreachable in fan_outs.take_unreachable(run.is_awaited):
        if unreachable.spec.id in fan_outs.open and not run.ending:
            _decide(run, unreachable, now_s)
    _take_in(run, now_s)
    while not run.ending and (fan_out := _next(run)) is not None:
        _decide(run, fan_out, now_s)
        _take_in(run, now_s)
    fan_outs.forget_counted(is_awaited=run.is_awaited)
    for step in fan_outs.take_released():
        run.steps.release(step, run.at_s)


def _start(run: RunData, fan_out: OpenFanOut) -> None:
    name, timeout_s = fan_out.spec.id, fan_out.spec.policy.timeout_s
    run.facts.start(name, run.at_s, timeout_s)
    if timeout_s is not None:
        run.commands.append(c.WakeAt(at_s=run.at_s + timeout_s))


def _take_in(run: RunData, now_s: float) -> None:
    """Note what counts by now: results, and fan-outs whose time is over."""
    note_results(run)
    note_elements(run)
    waiting: list[tuple[StepId, float]] = []
    for due_s, name in run.facts.due(now_s):
        if (fan_out := run.fan_outs.open.get(name)) is None:
            continue
        run.fan_outs.changed[name] = None
        if run.is_awaited(fan_out):
            waiting.append((name, due_s))
    for name, due_s in waiting:
        run.facts.look_again(name, due_s)


def _next(run: RunData) -> OpenFanOut | None:
    """A fan-out that has changed and that no plan that is coming decides about. A failure inside is decided at once."""
    fan_outs = run.fan_outs
    if (name := fan_outs.take_failing()) is not None:
        return fan_outs.open[name]
    while (name := fan_outs.take_changed()) is not None:
        fan_out = fan_outs.open[name]
        waits = run.plan_is_coming and _waits(run, fan_out)
        if not waits and not is_later(run, fan_out):
            return fan_out
        fan_outs.deferred[name] = None
        if waits and _has_failed(run, fan_out):
            run.failing[name] = None
    return None


def _waits(run: RunData, fan_out: OpenFanOut) -> bool:
    """Whether the plan that is coming decides about a fan-out, or about a failure before that of the fan-out."""
    name = fan_out.spec.id
    if next(iter(run.failing), name) != name and _has_failed(run, fan_out):
        return True
    # One that has failed whatever is unrolled next is told to the very next plan: others may read it there.
    told = run.unrolls_s < math.inf and name not in run.undecided.fan_outs and _has_failed(run, fan_out)
    return run.is_awaited(fan_out) and not told


def _has_failed(run: RunData, fan_out: OpenFanOut) -> bool:
    """Whether its condition has no value, or too few of its elements have a result or can have one."""
    quorum = run.facts.quorums.get(fan_out.spec.id)
    if quorum is not None and quorum.answer is not None:
        return bool(quorum.answer.failure)
    completed = fan_out.completed(timed_out=False)
    return completed is not None and not completed[1]


def _decide(run: RunData, fan_out: OpenFanOut, now_s: float) -> None:
    fan_out_id = fan_out.spec.id
    if fan_out.spec.policy.complete_when is not None and (consulted := consult(run, fan_out)) is not Consulted.OPEN:
        if consulted is not Consulted.AWAITED:
            _end_by_condition(run, fan_out, consulted)
        return
    timeout_s, started_s = fan_out.spec.policy.timeout_s, run.facts.started_s.get(fan_out_id)
    timed_out = timeout_s is not None and started_s is not None and now_s >= started_s + timeout_s
    decided = fan_out.completed(timed_out=timed_out)
    if decided is None:
        drop_stragglers(run, fan_out, now_s)
        return
    reason, succeeded = decided
    late = fan_out_id in run.facts.times.late
    if late and reason is CompletionReason.ALL_COMPLETED:
        reason = CompletionReason.TIMED_OUT
    close(run, fan_out_id, reason, succeeded=succeeded)
    if not succeeded:
        _fail(run, fan_out, reason)
    elif late or _has_to_be_told(fan_out):
        _go_on(run, fan_out, fan_out.numbers(ElementStatus.SUCCEEDED), reason)


def _end_by_condition(run: RunData, fan_out: OpenFanOut, consulted: Consulted) -> None:
    """Go on with the results of which the condition holds; fail if it has no value for them."""
    name, answer = fan_out.spec.id, run.facts.quorums[fan_out.spec.id].answer
    assert answer is not None, "it was answered"
    kept = run.facts.quorums[name].first(answer.results)
    if consulted is Consulted.FAILED:
        close(run, name, CompletionReason.CONDITION_FAILED, succeeded=False)
        _fail(run, fan_out, CompletionReason.CONDITION_FAILED)
        return
    close(run, name, CompletionReason.CONDITION_REACHED, succeeded=True, kept=kept)
    _go_on(run, fan_out, tuple(sorted(kept)), CompletionReason.CONDITION_REACHED)


def _go_on(run: RunData, fan_out: OpenFanOut, kept: tuple[int, ...], reason: CompletionReason) -> None:
    """A fan-out has succeeded; the next plan goes on with the results of these elements."""
    run.facts.keep(fan_out.spec.id, kept, run.counts_s)
    members = _members(fan_out)
    # The plan does not hold yet what reads a fan-out with a condition, only what reads steps inside.
    if members or fan_out.spec.policy.complete_when is None:
        # The element around it that it completes has ended now, and counts before what ends until the next plan tells.
        run.change(StepChange(members, skips=False, around=True))
    _drop_the_rest(run, fan_out, f"{fan_out.spec.told} is complete without it: {reason.value}")


def _members(fan_out: OpenFanOut) -> frozenset[StepId]:
    return frozenset(step for steps in fan_out.spec.elements for step in steps)


def _has_to_be_told(fan_out: OpenFanOut) -> bool:
    """Whether the next plan must know that a fan-out is complete, so that others can read it."""
    dropped = fan_out.counts[ElementStatus.FAILED] or fan_out.counts[ElementStatus.OPEN]
    return bool(dropped) or fan_out.spec.policy.complete_when is not None


def _drop_the_rest(run: RunData, fan_out: OpenFanOut, reason: str) -> None:
    for number in fan_out.numbers(ElementStatus.OPEN):
        drop(run, (fan_out.spec.id, number), reason)


def _fail(run: RunData, fan_out: OpenFanOut, reason: CompletionReason) -> None:
    """A fan-out has failed: what that means depends on its own policy and on the fan-out around it."""
    spec = fan_out.spec
    failure = _cause(run, fan_out, reason)
    run.facts.keep(spec.id, (), run.counts_s, failed=failure.message)
    if spec.id.startswith(SHARED):
        fail_shared(run, spec.id, failure)
        run.change(StepChange(_members(fan_out), skips=False))  # only joins read it
    elif spec.on_failure is not OnFailure.FAIL:
        run.change(StepChange(_members(fan_out), around=True))
    if reason is CompletionReason.FAILURE_TOLERANCE_EXCEEDED and not fan_out.counts[ElementStatus.FAILED]:
        # Results were missing before, so what reads it, or a block around it, may follow none of its steps.
        run.change(StepChange(frozenset()))
    if spec.on_failure is OnFailure.ROUTE:
        run.facts.failed_tries[spec.id] = None
    around = spec.within if spec.within is not None and spec.within[0] in run.fan_outs.open else None
    if spec.on_failure is OnFailure.FAIL and around is None and not run.is_left(fan_out):
        fail(run, failure)
        return
    _drop_the_rest(run, fan_out, failure.message)
    if spec.on_failure is OnFailure.FAIL and around is not None:
        fail_element(run, around, failure)


def _cause(run: RunData, fan_out: OpenFanOut, reason: CompletionReason) -> Failure:
    """The first failure of an element, and how many there are."""
    name, total = fan_out.spec.told, fan_out.total
    first = next((failure for (of, _), failure in run.facts.failures.items() if of == fan_out.spec.id), None)
    counts = f"{fan_out.counts[ElementStatus.FAILED]} of {total} elements of {name} failed"
    if reason is CompletionReason.TIMED_OUT:
        results = fan_out.counts[ElementStatus.SUCCEEDED]
        late = f"{name} had {results} of {total} results after {fan_out.spec.policy.timeout_s:g} s"
        message = late if first is None else f"{late}; {first.message}"
        return Failure(kind=FailureKind.TIMEOUT, message=message, fix=f"raise timeout_s of {name}")
    if reason is CompletionReason.CONDITION_FAILED:
        answer = run.facts.quorums[fan_out.spec.id].answer
        assert answer is not None, "it was answered"
        message = f"complete_when of {name} has no value after {answer.results} of {total} results: {answer.failure}"
        fix = "test for what may be missing with has(), and compare like with like"
        return Failure(kind=FailureKind.BAD_INPUT, message=message, fix=fix)
    if first is None:
        message = f"{name} needs {fan_out.spec.policy.least_successful(total)} results, and it has {total} elements"
        return Failure(kind=FailureKind.ERROR, message=message, fix=f"lower min_successful of {name}")
    if total == 1 or not fan_out.spec.policy.may_drop:
        return first
    return first.model_copy(update={"message": f"{first.message}; {counts}"})
