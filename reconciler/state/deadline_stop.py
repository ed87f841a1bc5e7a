"""A task that finishes at its deadline stops: with what is there, and without the rest.

Where the plan is complete, the next one says what that means for the steps that are left. A plan that still streams in,
as a goal is decomposed, is taken as it is, and no other one is waited for.
"""

import math

from planners.model import StepId
from reconciler.state.awaited_outputs import AwaitedOutputs
from reconciler.state.conclusion import flush
from reconciler.state.fan_outs import FanOuts
from reconciler.state.giving_up import LIVE, may_be_acting
from reconciler.state.outcomes import Verdict
from reconciler.state.run_data import RunData
from reconciler.state.step_state import StepStatus
from reconciler.state.undecided_steps import StepChange

_STOPPED = LIVE | {StepStatus.READY, StepStatus.HELD, StepStatus.RETRYING}
_NOT_BEGUN = frozenset({StepStatus.WAITING, StepStatus.BLOCKED})


def stop(run: RunData) -> None:
    """Give up whatever runs or could run. An act that may be under way runs to its end."""
    for step, state in list(run.steps.items()):
        if state.status not in _STOPPED or may_be_acting(run, step):
            continue
        if state.attempt is not None and state.status in LIVE:
            flush(run, {state.attempt: Verdict.FLUSH})
        leave_out(run, step, f"{late(run)} before step '{step}' had finished")
    if run.plan is not None and (run.limits.stopped or not run.plan.complete):
        _close_plan(run)


def leave_out(run: RunData, step: StepId, reason: str) -> None:
    """The workflow goes on without a step because of a limit."""
    run.steps.fail(step, run.at_s, reason)
    run.facts.give_up(step, reason)
    run.change(StepChange(frozenset({step}), around=True))
    run.facts.ask(run.counts_s)


def late(run: RunData) -> str:
    """What is told of the deadline."""
    return f"the deadline of {run.task.limits.deadline_s:g} s had passed"


def _close_plan(run: RunData) -> None:
    """Leave out what is not planned or has not begun. Once the acts that run have ended, the task has."""
    assert run.plan is not None
    for pending in run.plan.pending:
        run.facts.give_up(pending.id, f"{late(run)} before '{pending.id}' was planned")
    run.fan_outs, run.steps.moved = FanOuts(), None
    for step, state in list(run.steps.items()):
        if state.status in _NOT_BEGUN:
            run.steps.skip(step, run.at_s, f"{late(run)} before step '{step}' began")
    run.plan = run.plan.model_copy(update={"pending": (), "fan_outs": (), "complete": True})
    run.drop_guesses()
    run.awaited = AwaitedOutputs()
    run.requests.answered()
    run.facts.asks_s = math.inf
    run.limits.stopped = True
