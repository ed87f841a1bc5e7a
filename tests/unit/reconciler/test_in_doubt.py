"""An irreversible attempt whose process died is in doubt: its act may have happened and is not repeated."""

from runs import chain, names, plan
from worlds import a_run

from planners.tasks import Mode
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.handoff import Failure, FailureKind


def test_a_run_waits_where_the_process_of_an_irreversible_attempt_has_died():
    run = a_run(Mode.WAIT)
    run.handle(e.RunStarted(at_s=0.0))
    commands = run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("write"))))
    (order,) = [command for command in commands if isinstance(command, c.Dispatch)]
    run.handle(e.AttemptStarted(at_s=1.0, attempt=order.attempt, node=order.node))

    lost = Failure(kind=FailureKind.WORKER_LOST, message="the service was restarted while it ran")
    followed = run.handle(e.AttemptFailed(at_s=2.0, attempt=order.attempt, failure=lost))

    assert not run.status.ended
    assert not {"EndRun", "Dispatch", "RequestPlan"} & set(names(followed))
