"""Deadlines of single steps: a step that has not finished by then has failed for good."""

from planners.plans import Plan
from reconciler.state import commands as c
from reconciler.state.conclusion import flush
from reconciler.state.giving_up import LIVE, UNBEGUN, give_up, may_be_acting
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
    for step in run.facts.late(run.at_s):
        state = run.steps.get(step)
        if run.status.ended or run.plan is None or step not in run.plan.by_id or state is None:
            continue
        if state.status not in UNBEGUN | LIVE or may_be_acting(run, step):
            continue
        if state.attempt is not None and state.status in LIVE:
            flush(run, {state.attempt: Verdict.FLUSH})
        planned = run.plan.by_id[step].step
        told = f"it had not finished at its deadline of {planned.deadline_s:g} s"
        failure = Failure(
            kind=FailureKind.TIMEOUT, message=f"step '{step}' failed: {told}", fix=f"raise deadline_s of '{step}'"
        )
        give_up(run, planned, failure, told)
