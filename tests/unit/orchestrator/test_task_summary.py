"""A task in a few lines, as `forerun show` prints it."""

from orchestrator.cli.output import task_summary, why
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.waiting import WaitKind, WaitReason
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


def test_an_undoing_names_what_is_undone_and_what_could_not_be():
    undoing = UNDOING.model_copy(update={"undone": ("room",), "failed": {"undo:car": "step 'undo:car' failed: sold"}})

    told = task_summary(view().model_copy(update={"undoing": undoing}))

    assert "undone: room" in told
    assert "not undone:[/] step 'undo:car' failed: sold" in told


def test_a_list_says_of_each_task_why_it_has_failed_or_what_it_needs():
    asks = WaitReason(step="sign", kind=WaitKind.ANSWER, since_s=1.0, message="waiting for an answer: May it?")
    failure = Failure(kind=FailureKind.ERROR, message="step 'pay' failed")

    assert why(view(failure=failure)) == "step 'pay' failed"
    assert why(view()) == "undoing (2 left): step 'pay' failed: the card was refused"
    assert why(view(waiting=(asks,)).model_copy(update={"undoing": None})) == (
        "step 'sign' is waiting for an answer: May it?"
    )
    assert why(TaskView(id="t1", status=RunStatus.RUNNING, submitted_at_s=0.0)) == ""
