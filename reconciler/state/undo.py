"""How an undoing goes on from any event to its end."""

from reconciler.state import commands as c
from reconciler.state.conclusion import end
from reconciler.state.planning import request_plan
from reconciler.state.run_data import RunData
from reconciler.state.undo_plan import give_up_without_inputs


def go_on_undoing(run: RunData) -> None:
    """Ask for the plan that undoes what is due, wait, or end the run."""
    undoing, steps = run.undoing, run.steps
    assert undoing is not None
    run.status = c.RunStatus.RUNNING
    doubts = [attempt for attempt in run.in_doubt if attempt.step.compensate is not None]
    # What still acts is undone before what was done earlier.
    acting = run.attempts.live or any(attempt.verifying for attempt in doubts)
    if run.requests.required or acting or steps.under_way:
        return
    give_up_without_inputs(run)  # else the next plan undoes nothing
    if steps.blocked:
        reason = steps[next(iter(steps.blocked))].blocked_by
        request_plan(run, reason or c.PlanReason.UNDO)
    elif any(step in undoing.made for step in steps.in_doubt):
        run.status = c.RunStatus.IN_DOUBT
    elif undoing.due(run.attempts.values(), steps):
        request_plan(run, c.PlanReason.UNDO)
    elif doubts:
        run.status = c.RunStatus.IN_DOUBT
    else:
        end(run, undoing.status, failure=undoing.failure)
