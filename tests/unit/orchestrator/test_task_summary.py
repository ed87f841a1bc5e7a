"""A task in a few lines, as `forerun show` prints it."""

from orchestrator.cli.output import task_summary
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import Failure, FailureKind
from reconciler.views.models import TaskView, UndoingView

UNDOING = UndoingView(reason="step 'pay' failed: the card was refused", left=2)


def view(**more):
    return TaskView(id="t1", status=RunStatus.RUNNING, submitted_at_s=0.0, undoing=UNDOING, **more)


def test_a_task_that_is_undone_says_why_and_how_much_is_left():
    assert "undoing[/] (2 left): step 'pay' failed: the card was refused" in task_summary(view())


def test_the_failure_of_an_ended_task_says_it_all():
    failure = Failure(kind=FailureKind.ERROR, message="step 'pay' failed; undone: 'room'")

    told = task_summary(view(failure=failure))

    assert "undone: 'room'" in told
    assert "left)" not in told
