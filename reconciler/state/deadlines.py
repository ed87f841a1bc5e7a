"""Deadlines of single steps: a step that has not finished by then has failed for good."""

from planners.model import StepId
from planners.plans import Plan
from planners.workflow import Step
from reconciler.state import commands as c
from reconciler.state.conclusion import flush
from reconciler.state.giving_up import LIVE, UNBEGUN, await_plan, give_up, may_be_acting
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.outcomes import Verdict
from reconciler.state.run_data import RunData


def watch_deadlines(run: RunData, plan: Plan) -> None:
    """Wake up at the deadlines of a plan's steps."""
    for planned in plan.steps:
        deadline_s = planned.step.deadline_s
        if deadline_s is not None and run.facts.watch_deadline(planned.id, deadline_s):
            run.commands.append(c.WakeAt(at_s=deadline_s))


def give_up_late_steps(run: RunData) -> None:
    """Give up the steps whose deadline has passed. One whose act may be under way runs to its end."""
    undecided: list[Step] = []
    for name in run.facts.late(run.at_s):
        if run.status.ended or run.plan is None or name not in run.plan.by_id or not _is_open(run, name):
            continue
        step = run.plan.by_id[name].step
        _stop(run, step)
        if run.is_undecided(name):
            await_plan(run, name)
            undecided.append(step)
        else:
            _give_up(run, step)
    for step in undecided:
        run.facts.postpone_deadline(step.id, step.deadline_s or 0.0)


def _is_open(run: RunData, step: StepId) -> bool:
    state = run.steps.get(step)
    return state is not None and state.status in UNBEGUN | LIVE and not may_be_acting(run, step)


def _stop(run: RunData, step: Step) -> None:
    state = run.steps[step.id]
    if state.attempt is not None and state.status in LIVE:
        flush(run, {state.attempt: Verdict.FLUSH})


def _give_up(run: RunData, step: Step) -> None:
    told = f"it had not finished at its deadline of {step.deadline_s:g} s"
    failure = Failure(
        kind=FailureKind.TIMEOUT, message=f"step '{step.id}' failed: {told}", fix=f"raise deadline_s of '{step.id}'"
    )
    give_up(run, step, failure, told)
