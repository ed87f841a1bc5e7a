"""What a step waits for, in words."""

from runs import SOON, chain, guess, plan
from worlds import a_run

from planners.tasks import Mode
from reconciler.state import events as e
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.waiting import DispatchWait, WaitContext, WaitKind
from reconciler.views.open_questions import wait_reasons
from reconciler.views.projections import timeline

QUEUED = DispatchWait(kind=WaitKind.LIMIT, message="queued: provider p at 60 of 60 requests a minute")


def planned_run():
    run = a_run(Mode.WAIT)
    run.handle(e.RunStarted(at_s=0.0))
    run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("fetch", "solve"))))
    return run


def test_a_step_waits_after_its_parents():
    reason = planned_run().waiting("b")

    assert (reason.kind, reason.message, reason.parents) == (WaitKind.PARENTS, "after a", ("a",))


def test_a_dispatched_attempt_waits_for_what_its_executor_says():
    run = planned_run()

    said = run.waiting("a", WaitContext(of_attempt={"t.1": QUEUED}.get))
    unsaid = run.waiting("a")

    assert (said.kind, said.message, said.agent) == (WaitKind.LIMIT, QUEUED.message, "fetch-small")
    assert (unsaid.kind, unsaid.message) == (WaitKind.ROOM, "waiting for room on node n1")
    assert [wait.message for wait in timeline(run, WaitContext(of_attempt={"t.1": QUEUED}.get)).waiting] == [
        QUEUED.message,
        "after a",
    ]


def test_a_retry_counts_down():
    run = planned_run()
    run.handle(e.AttemptStarted(at_s=1.1, attempt="t.1", node="n1"))
    broke = Failure(kind=FailureKind.ERROR, message="no text")
    run.handle(e.AttemptFailed(at_s=2.0, attempt="t.1", failure=broke))

    assert run.waiting("a").message == "retry in 0.1 s; failed: no text"
    assert run.waiting("a", WaitContext(now_s=2.04)).message == "retry in 0.06 s; failed: no text"
    assert run.waiting("a", WaitContext(now_s=9.0)).message == "retry in 0 s; failed: no text"


def test_guesses_that_have_not_begun_tell_why_before_there_is_a_plan():
    run = a_run()
    run.handle(e.RunStarted(at_s=0.0))
    run.handle(e.SpeculativePlanReady(at_s=0.01, plan=guess(chain("fetch", "solve")), conditions=SOON))

    (reason,) = wait_reasons(run, WaitContext(of_attempt={"t.1": QUEUED}.get))

    assert (reason.step, reason.message, reason.since_s) == ("a", QUEUED.message, 0.01)


def test_a_lost_node_means_waiting_for_a_new_plan():
    run = planned_run()
    run.handle(e.NodeLost(at_s=2.0, node="n1"))

    assert run.waiting("a").message == "waiting for a new plan: node n1 was lost"
