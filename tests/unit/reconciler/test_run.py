"""What a run does with the optimal plan and with failures: events in, commands compared."""

from runs import chain, finished, guess, names, plan, speculating
from worlds import World, a_run

from planners.model import StepId
from planners.tasks import Mode
from planners.workflow import Pending
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.handoff import Failure, FailureKind, Handoff


def test_confirmed_steps_start_while_the_plan_still_streams():
    run = a_run(Mode.STREAMED)
    run.handle(e.RunStarted(at_s=0.0))
    prefix = plan(chain("fetch"), complete=False)

    (dispatch,) = run.handle(e.OptimalPlanReady(at_s=0.5, plan=prefix))

    assert (dispatch.step, dispatch.speculative) == ("a", False)
    assert run.replanning


def test_in_mode_wait_a_prefix_starts_nothing():
    run = a_run(Mode.WAIT)
    run.handle(e.RunStarted(at_s=0.0))

    assert run.handle(e.OptimalPlanReady(at_s=0.5, plan=plan(chain("fetch"), complete=False))) == []


def test_a_failed_step_is_tried_again_after_a_pause_that_doubles():
    run = a_run(Mode.WAIT)
    run.handle(e.RunStarted(at_s=0.0))
    run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("fetch"))))
    broke = Failure(kind=FailureKind.ERROR, message="it broke")

    first = run.handle(e.AttemptFailed(at_s=2.0, attempt="t.1", failure=broke))
    again = run.handle(e.TimePassed(at_s=2.1))
    second = run.handle(e.AttemptFailed(at_s=3.0, attempt="t.2", failure=broke))

    assert [command.at_s for command in (*first, *second) if isinstance(command, c.WakeAt)] == [2.1, 3.2]
    assert names(again) == ["Dispatch"]


def test_an_agent_that_fails_for_good_is_planned_around():
    run = a_run(Mode.WAIT)
    run.handle(e.RunStarted(at_s=0.0))
    run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("fetch"))))
    broke = Failure(kind=FailureKind.ERROR, message="it broke")
    for number in (1, 2, 3):
        commands = run.handle(e.AttemptFailed(at_s=number * 10.0, attempt=f"t.{number}", failure=broke))
        run.handle(e.TimePassed(at_s=number * 10.0 + 5))

    (question,) = [command for command in commands if isinstance(command, c.RequestPlan)]
    assert (question.epoch, question.reason, question.without_agents) == (
        2,
        c.PlanReason.AGENT_FAILED,
        ("fetch-small",),
    )
    (dispatch,) = run.handle(e.OptimalPlanReady(at_s=50.0, plan=plan(chain("fetch"), agent="large"), epoch=2))
    assert dispatch.agent == "fetch-large"


def test_bad_input_is_not_tried_again_and_the_failure_names_the_step():
    run = a_run(Mode.WAIT)
    run.handle(e.RunStarted(at_s=0.0))
    run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("fetch"))))
    bad = Failure(kind=FailureKind.BAD_INPUT, message="k: not a text")

    *_, end = run.handle(e.AttemptFailed(at_s=2.0, attempt="t.1", failure=bad))

    assert (end.status, end.failure.message) == (c.RunStatus.FAILED, "step 'a' failed: k: not a text")


def test_a_lost_node_is_planned_around_and_its_attempts_do_not_count_as_failures():
    run = a_run(Mode.WAIT)
    run.handle(e.RunStarted(at_s=0.0))
    run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("fetch"))))

    commands = run.handle(e.NodeLost(at_s=2.0, node="n1"))
    (question,) = [command for command in commands if isinstance(command, c.RequestPlan)]
    (dispatch,) = run.handle(e.OptimalPlanReady(at_s=3.0, plan=plan(chain("fetch"), node="n2"), epoch=2))

    assert question.without_nodes == ("n1",)
    assert (dispatch.step, dispatch.node) == ("a", "n2")


def test_a_large_output_that_went_with_its_node_is_made_again_and_a_small_one_is_not():
    run = a_run(Mode.WAIT)
    run.handle(e.RunStarted(at_s=0.0))
    run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("fetch", "solve", "fetch"))))
    finished(run, "t.1", 2.0)
    large = Handoff(by_reference=True, output_bytes=10**9)
    run.handle(e.AttemptFinished(at_s=3.0, attempt="t.2", handoff=large, seconds=1.0))

    run.handle(e.NodeLost(at_s=4.0, node="n1"))
    there = plan(chain("fetch", "solve", "fetch"), node="n2")
    commands = run.handle(e.OptimalPlanReady(at_s=5.0, plan=there, epoch=2))

    assert [command.step for command in commands if isinstance(command, c.Dispatch)] == ["b"]


def test_a_list_that_becomes_known_is_unrolled_by_a_new_plan():
    run = a_run(Mode.WAIT)
    run.handle(e.RunStarted(at_s=0.0))
    waiting = plan(chain("fetch"), pending=(Pending(id=StepId("each"), waits_for=StepId("a")),))
    run.handle(e.OptimalPlanReady(at_s=1.0, plan=waiting))

    commands = finished(run, "t.1", 2.0, output=[1, 2])
    (question,) = [command for command in commands if isinstance(command, c.RequestPlan)]
    (dispatch,) = run.handle(e.OptimalPlanReady(at_s=3.0, plan=plan(chain("fetch", "solve")), epoch=2))

    assert question.known_from == {"a": "t.1"}
    assert dispatch.step == "b"


def test_a_deadline_ends_the_run_and_says_so():
    run = a_run()
    limited = run.task.model_copy(update={"limits": run.task.limits.model_copy(update={"deadline_s": 2.0})})
    run.task = limited
    alarm = run.handle(e.RunStarted(at_s=0.0))
    *_, end = run.handle(e.TimePassed(at_s=2.0))

    assert c.WakeAt(at_s=2.0) in alarm
    assert (end.status, end.failure.kind) == (c.RunStatus.FAILED, FailureKind.LIMIT)


def test_cancelling_flushes_what_runs():
    run, _ = speculating(chain("fetch"))

    commands = run.handle(e.CancelRequested(at_s=0.5, reason="changed my mind"))

    assert names(commands) == ["Flush", "EndRun"]
    assert commands[-1].failure.message == "changed my mind"


def test_when_planning_fails_the_run_fails_with_the_planners_reason():
    world = World(run=a_run(), truth=None, guess=guess(chain("fetch")))

    end = world.play()

    assert (end.status, end.failure.message) == (c.RunStatus.FAILED, "no plan")


def test_a_plan_of_a_former_epoch_is_ignored():
    run = a_run(Mode.WAIT)
    run.handle(e.RunStarted(at_s=0.0))
    run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("fetch"))))

    assert run.handle(e.OptimalPlanReady(at_s=1.5, plan=plan(chain("solve")), epoch=1)) == []


def test_an_oracle_run_starts_its_given_plan_at_once():
    given = plan(chain("fetch", "solve"))
    run = a_run(Mode.ORACLE, plan=given)

    (dispatch,) = run.handle(e.RunStarted(at_s=0.0))

    assert (dispatch.step, dispatch.speculative) == ("a", False)
