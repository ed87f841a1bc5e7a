"""Whatever is lost, what a step has staged takes effect once, and the task ends with it out."""

from runs import SOON, chain, guess, plan
from worlds import CATALOG, a_task

from planners.agents import Catalog, Effect
from planners.model import StepId, TaskId
from planners.tasks import Mode
from reconciler.runtime.recovery import recover
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.handoff import Handoff
from reconciler.state.run import RunState

STAGES = Catalog(agents=tuple(one.model_copy(update={"effect": Effect.STAGEABLE}) for one in CATALOG.agents))
STEPS = chain("fetch", "solve")
STARTED, PLANNED = e.RunStarted(at_s=0.0), e.OptimalPlanReady(at_s=1.0, plan=plan(STEPS))


def a_run(mode=Mode.WAIT):
    return RunState(TaskId("t"), a_task(mode), STAGES)


def finish(attempt, at_s, *, large=False):
    return e.AttemptFinished(at_s=at_s, attempt=attempt, handoff=Handoff(output=7, by_reference=large), seconds=0.5)


def promoted(commands):
    return [command.attempt for command in commands if isinstance(command, c.Promote)]


def test_promotions_not_known_to_be_out_are_carried_out_again_with_what_the_journal_holds():
    run = a_run()
    past = (STARTED, PLANNED, finish("t.1", 2.0), finish("t.2", 3.0))

    recovery = recover(run, past, frozenset({"t.1"}), {"t.2": {"page": b"text"}})

    assert promoted(recovery.commands) == ["t.2"]
    assert [(order.attempt, order.agent, what) for order, what in recovery.staged] == [
        ("t.2", "solve-small", {"page": b"text"})
    ]
    assert recovery.lost_effects is None


def test_nobody_knows_whether_a_promotion_is_out_of_which_the_journal_holds_nothing():
    """An earlier version did not write what was staged."""
    recovery = recover(a_run(), (STARTED, PLANNED, finish("t.1", 2.0)))

    assert promoted(recovery.commands) == []
    assert "'a'" in recovery.lost_effects.message


def test_a_guess_survives_a_restart_only_if_the_journal_holds_what_it_staged():
    guessed = e.SpeculativePlanReady(at_s=0.01, plan=guess(STEPS), conditions=SOON)
    past = (STARTED, guessed, finish("t.1", 0.5))

    kept = recover(a_run(Mode.FORERUN), past, staged={"t.1": {}})
    lost = recover(a_run(Mode.FORERUN), past)

    assert not any(isinstance(event, e.OutputsLost) for event in kept.events)
    assert lost.events[0].attempts == ("t.1",)


def test_work_that_is_done_again_for_its_output_is_not_promoted_again():
    run = a_run()
    for event in (STARTED, PLANNED):
        run.handle(event)
    assert promoted(run.handle(finish("t.1", 2.0, large=True))) == ["t.1"]

    again = run.handle(e.OutputsLost(at_s=2.5, attempts=("t.1",)))
    (order,) = [command for command in again if isinstance(command, c.Dispatch)]

    assert order.step == "a"
    assert promoted(run.handle(finish(order.attempt, 3.0))) == []


def test_a_like_step_does_not_take_the_place_of_one_that_is_done_again():
    """Its own output would not get out, and that of the other one twice."""
    likes = [step.model_copy(update={"id": StepId(name)}) for step in chain("fetch") for name in ("a", "b")]
    run = a_run()
    for event in (STARTED, e.OptimalPlanReady(at_s=1.0, plan=plan(likes))):
        run.handle(event)
    assert promoted(run.handle(finish("t.1", 2.0, large=True))) == ["t.1"]

    again = run.handle(e.OutputsLost(at_s=2.5, attempts=("t.1",)))
    (order,) = [command for command in again if isinstance(command, c.Dispatch)]

    assert promoted(run.handle(finish("t.2", 3.0))) == ["t.2"]
    assert promoted(run.handle(finish(order.attempt, 4.0))) == []
    assert run.status is c.RunStatus.SUCCEEDED


def test_a_run_that_has_succeeded_goes_on_if_what_it_returns_is_lost():
    run = a_run()
    for event in (STARTED, PLANNED, finish("t.1", 2.0), finish("t.2", 3.0, large=True)):
        run.handle(event)
    assert run.status is c.RunStatus.SUCCEEDED

    (order, *_) = run.handle(e.OutputsLost(at_s=4.0, attempts=("t.2",)))
    assert (run.status, order.step) == (c.RunStatus.RUNNING, "b")

    (*_, end) = run.handle(finish(order.attempt, 5.0, large=True))
    assert (end.status, end.outputs["b"].attempt) == (c.RunStatus.SUCCEEDED, order.attempt)


def test_an_ended_run_does_not_go_on_for_an_output_that_nobody_needs():
    run = a_run()
    returned = plan(STEPS).model_copy(update={"outputs": {"b": plan(STEPS).outputs["b"]}})
    for event in (STARTED, PLANNED.model_copy(update={"plan": returned}), finish("t.1", 2.0), finish("t.2", 3.0)):
        run.handle(event)

    assert run.handle(e.OutputsLost(at_s=4.0, attempts=("t.1",))) == []
    assert run.status is c.RunStatus.SUCCEEDED
