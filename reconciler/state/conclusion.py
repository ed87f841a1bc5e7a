"""How a run ends, and when all that is left of it waits for an answer about acts in doubt."""

import math

from planners.compensation import is_undo
from planners.model import AttemptId, StepId
from reconciler.state import commands as c
from reconciler.state.attempts import Attempt
from reconciler.state.awaited_outputs import AwaitedOutputs
from reconciler.state.delivery import exceeded
from reconciler.state.failure_policy import limit_passed
from reconciler.state.fan_outs import FanOuts
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.outcomes import Verdict
from reconciler.state.returned_outputs import outputs_there
from reconciler.state.run_data import RunData
from reconciler.state.sources import source
from reconciler.state.step_state import StepStatus
from reconciler.state.undoing import Undoing, may_be_undone

_MOST_NAMED = 5
_OPEN = frozenset(StepStatus) - {StepStatus.FINISHED, StepStatus.SKIPPED, StepStatus.FAILED, StepStatus.IN_DOUBT}


def fail(run: RunData, failure: Failure) -> None:
    """End the run as failed; nothing changes where it has ended."""
    end(run, c.RunStatus.FAILED, failure=failure)


def check_limits(run: RunData) -> None:
    """Fail the run if it has passed its deadline or spent its budget, unless it may, or if it has told too much."""
    limits = run.task.limits
    deadline_s = limits.deadline_s if limits.on_deadline == "fail" else None
    budget_usd = limits.budget_usd if limits.on_budget == "fail" else None
    passed = limit_passed(deadline_s, budget_usd, run.at_s, run.spent_usd)
    if passed is None and (full := _context_full(run) or exceeded(run)) is not None:
        fail(run, full)
    if passed is not None:
        message = f"{passed.message} {_under_way(run)}"
        fail(run, with_whereabouts(run, passed.model_copy(update={"message": message})))


def _context_full(run: RunData) -> Failure | None:
    """The task has added more to its context than it may."""
    most, added = run.task.limits.context_bytes, run.attempts.spending.context_bytes
    if added <= most:
        return None
    message = f"its steps have added {added} bytes to the context, and limits.context_bytes is {most}"
    fix = "write less, give large values as outputs, or raise limits.context_bytes"
    return Failure(kind=FailureKind.LIMIT, message=message, fix=fix)


def with_whereabouts(run: RunData, failure: Failure) -> Failure:
    """A failure that cut a run off, with the attempt that ran longest as evidence."""
    first = next((run.attempts[attempt] for attempt in run.attempts.live), None)
    return failure if first is None else failure.with_evidence(**first.identity)


def _under_way(run: RunData) -> str:
    """What a run was doing when it was cut off."""
    steps = list(dict.fromkeys(run.attempts[attempt].step.id for attempt in run.attempts.live))
    if steps:
        return f"while {_some(steps)} ran"
    return "before there was a plan" if run.plan is None else "while no step ran"


def end_if_done(run: RunData) -> None:
    """End the run if every step has finished, or if it cannot go on; say so where it waits for an answer."""
    if run.ending or run.plan is None:
        return
    steps = run.steps
    if run.requests.required:
        run.status = c.RunStatus.RUNNING
        return
    if steps.unfinished and (steps.under_way or steps.blocked or steps.in_doubt):
        waits = bool(steps.in_doubt) and not steps.under_way and not steps.blocked
        run.status = c.RunStatus.IN_DOUBT if waits else c.RunStatus.RUNNING
    elif run.evaluating:
        run.status = c.RunStatus.RUNNING
    elif run.plan.pending:
        names = _some([pending.id for pending in run.plan.pending])
        fail(run, Failure(kind=FailureKind.PLANNING, message=f"nothing can unroll {names}"))
    elif steps.unfinished:
        names = _some([step for step, state in steps.items() if state.status is StepStatus.WAITING])
        message = f"the plan holds no step that {names} could still wait for"
        fail(run, Failure(kind=FailureKind.PLANNING, message=message))
    else:
        outputs = {
            name: source(binding, run.task.values, steps.attempt_of, run.attempts.spoken_by)
            for name, binding in outputs_there(run).items()
        }
        end(run, c.RunStatus.SUCCEEDED, outputs=outputs)


def end(
    run: RunData,
    status: c.RunStatus,
    outputs: dict[str, c.Source] | None = None,
    failure: Failure | None = None,
) -> None:
    """End the run: cancel what is live, leave acts that run in doubt, learn from what a plan has decided about."""
    if run.status.ended:
        return
    if run.undoing is not None:
        if failure is not None and failure is not run.undoing.failure:  # it cannot go on
            run.undoing.stopped = failure.message
        status, failure = run.undoing.status, run.undoing.ended(run.attempts, run.steps)
    elif failure is not None and _has_to_undo(run):
        _begin_undoing(run, status, failure)
        return
    run.status = status
    left = list(dict.fromkeys([*run.attempts.live, *run.attempts.unconfirmed]))
    flush(run, {attempt: run.attempts[attempt].verdict or Verdict.FLUSH for attempt in left})
    run.learn(run.outcomes.deferred(run.attempts, decided=False))
    run.end = c.EndRun(status=status, outputs=outputs or {}, failure=failure)
    run.commands.append(run.end)


def _has_to_undo(run: RunData) -> bool:
    return any(may_be_undone(attempt) or _awaited(run, attempt) for attempt in run.attempts.values())


def _awaited(run: RunData, attempt: Attempt) -> bool:
    """Whether an act runs that is to be undone, or something is undone: neither is cut short."""
    acts = attempt.step.compensate is not None and run.is_act(attempt)
    return attempt.live and (acts or is_undo(attempt.step.id))


def _begin_undoing(run: RunData, status: c.RunStatus, failure: Failure) -> None:
    """Stop everything but acts that have to be undone. `reconciler.state.undo` goes on from here."""
    run.undoing = Undoing(status, failure)
    run.status = c.RunStatus.RUNNING
    run.drop_guesses()
    run.awaited, run.fan_outs = AwaitedOutputs(), FanOuts()
    run.steps.moved = None
    run.facts.asks_s = math.inf
    run.requests.answered()
    left = (run.attempts[one] for one in dict.fromkeys([*run.attempts.live, *run.attempts.unconfirmed]))
    flush(run, {one.id: one.verdict or Verdict.FLUSH for one in left if not _awaited(run, one)})
    if run.plan is not None:
        run.plan = run.plan.model_copy(update={"pending": (), "fan_outs": (), "outputs": {}, "complete": True})
    for step, state in list(run.steps.items()):
        acts = state.attempt is not None and run.attempts[state.attempt].live
        if state.status in _OPEN and not acts and not is_undo(step):
            run.steps.skip(step, run.at_s, f"the task ends: {failure.message}")
        elif state.status is StepStatus.HELD:  # no limit holds back what undoes
            run.steps.release(step, run.at_s, "the task ends")


def flush(run: RunData, verdicts: dict[AttemptId, Verdict]) -> None:
    """Give attempts up with these verdicts; what is live is cancelled.

    An act that runs is not cancelled: stopping it midway is no better than its end. It is in doubt from here on.
    """
    cancelled = []
    hedges = {hedge: verdicts[first] for first, hedge in run.late.hedges.items() if first in verdicts}
    for attempt, verdict in ((run.attempts[one], verdict) for one, verdict in {**verdicts, **hedges}.items()):
        run.late.hedges.pop(attempt.id, None)
        if attempt.live and run.is_act(attempt):
            _leave_in_doubt(run, attempt)
            continue
        given_up = attempt.as_flushed(run.at_s, verdict)
        run.attempts.put(given_up)
        run.mailbox.staged.pop(attempt.id, None)
        if attempt.live and not run.agent_of(attempt).built_in:
            cancelled.append(attempt.id)
        # The end of a run says nothing about guesses that no plan has decided about.
        decided = attempt.verdict is not None or not run.ending
        if decided and (attempt.live or attempt.verdict is None):
            run.learn(run.outcomes.of(given_up))
    if cancelled:
        run.commands.append(c.Flush(attempts=tuple(cancelled)))


def _leave_in_doubt(run: RunData, attempt: Attempt) -> None:
    failure = Failure(kind=FailureKind.CANCELLED, message="the run ended before the agent had returned")
    failure = failure.with_evidence(**attempt.identity)
    seconds = 0.0 if attempt.started_s is None else run.at_s - attempt.started_s
    run.attempts.put(attempt.as_in_doubt(run.at_s, seconds, failure, verifying=False))
    state = run.steps.get(attempt.step.id)
    if state is not None and state.attempt == attempt.id:
        run.steps.doubt(attempt.step.id, run.at_s, failure.message)


def _some(names: list[StepId]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(f"'{name}'" for name in names[:_MOST_NAMED]) + more
