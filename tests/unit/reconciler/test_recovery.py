"""A replayed run goes on as after a restart: what the process held is lost, what was recorded is not."""

from runs import SOON, chain, finished, guess, plan
from worlds import a_run

from planners.tasks import Mode
from reconciler.runtime.recovery import recover
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.handoff import FailureKind, Handoff

STEPS = chain("fetch", "solve")
FIRST = e.AttemptFinished(at_s=2.0, attempt="t.1", handoff=Handoff(output=7), seconds=0.5)
STARTED, PLANNED = e.RunStarted(at_s=0.0), e.OptimalPlanReady(at_s=1.0, plan=plan(STEPS))


def recovered(*past, mode=Mode.WAIT):
    run = a_run(mode)
    return run, recover(run, past)


def test_a_run_of_which_nothing_was_recorded_starts_from_the_beginning():
    assert recovered()[1] is None


def test_outputs_are_restored_and_running_attempts_are_lost_without_using_up_a_try():
    run, recovery = recovered(STARTED, PLANNED, FIRST)

    (running,) = run.attempts.live
    lost = [event for event in recovery.events if isinstance(event, e.AttemptFailed)]
    assert recovery.outputs == {"t.1": 7}
    assert recovery.at_s == 2.0
    assert [(event.attempt, event.failure.kind, event.failure.counts) for event in lost] == [
        (running, FailureKind.WORKER_LOST, False)
    ]


def test_a_large_output_is_not_restored_but_lost():
    large = FIRST.model_copy(update={"handoff": Handoff(by_reference=True)})

    _, recovery = recovered(STARTED, PLANNED, large)

    assert recovery.outputs == {}
    assert recovery.events[0] == e.OutputsLost(
        at_s=2.0, attempts=("t.1",), reason="its output was lost when the service was restarted"
    )


def test_only_a_request_that_is_still_unanswered_is_made_again():
    _, asked = recovered(STARTED)
    _, answered = recovered(STARTED, PLANNED)

    assert [type(command) for command in asked.commands] == [c.RequestPlan]
    assert answered.commands == ()


def test_no_event_of_a_recovery_lies_before_the_last_recorded_one():
    guessed = e.SpeculativePlanReady(at_s=0.01, plan=guess(STEPS), conditions=SOON)
    run, recovery = recovered(STARTED, guessed, PLANNED, FIRST, mode=Mode.FORERUN)

    assert all(event.at_s >= 2.0 for event in recovery.events)
    for event in recovery.events:
        run.handle(event)
    while run.attempts.live:
        finished(run, next(iter(run.attempts.live)), at_s=9.0)
    assert run.status is c.RunStatus.SUCCEEDED
