"""What becomes of a run's guesses when the plan arrives, and what is learned from them."""

import pytest
from runs import SOON, chain, finished, guess, names, plan, speculating, verdicts
from worlds import a_run

from planners.bindings import Value
from planners.model import StepId
from planners.tasks import Mode
from planners.workflow import Step
from reconciler.gate import Guidance
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.conditions import Conditions
from reconciler.state.handoff import Failure, FailureKind, Handoff
from reconciler.state.outcomes import Verdict


def test_a_guess_starts_its_first_step_before_the_plan_is_there():
    _, commands = speculating(chain("fetch", "solve"))

    assert [(command.step, command.speculative) for command in commands] == [("a", True)]


def test_a_finished_guess_lets_the_next_step_read_its_staged_output():
    run, _ = speculating(chain("fetch", "solve"))

    (dispatch,) = finished(run, "t.1", 0.5)

    assert dispatch.step == "b"
    assert dispatch.inputs["one"] == c.OutputOf(attempt="t.1")


def test_the_same_work_at_the_same_place_is_committed():
    run, _ = speculating(chain("fetch", "solve"))

    commands = run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("fetch", "solve"))))

    assert commands == [c.Confirm(attempt="t.1")]
    assert verdicts(run) == {"t.1": Verdict.COMMIT}


def test_an_attempt_that_has_begun_waits_for_nothing_and_need_not_be_told_that_it_is_confirmed():
    run, _ = speculating(chain("fetch", "solve"))
    run.handle(e.AttemptStarted(at_s=0.02, attempt="t.1", node="n1"))

    assert run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("fetch", "solve")))) == []


def test_a_misspeculated_step_is_flushed_when_the_optimal_plan_arrives_and_nothing_else():
    run, _ = speculating(chain("fetch", "solve"))
    finished(run, "t.1", 0.5)

    commands = run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("fetch", "fetch"))))

    assert names(commands) == ["Flush", "Dispatch"]
    assert c.Flush(attempts=("t.2",)) in commands
    assert verdicts(run) == {"t.1": Verdict.COMMIT, "t.2": Verdict.FLUSH, "t.3": Verdict.COMMIT}


def test_the_same_work_elsewhere_in_the_graph_is_reparented_and_nothing_restarts():
    run, _ = speculating(chain("fetch"))
    renamed = [Step(id=StepId("z"), capability="fetch", inputs={"k": Value(value=1)})]

    commands = run.handle(e.OptimalPlanReady(at_s=0.2, plan=plan(renamed)))

    assert names(commands) == ["Confirm"]
    assert verdicts(run) == {"t.1": Verdict.REPARENT}
    assert run.attempts["t.1"].step.id == "z"


def test_work_on_another_node_is_kept_when_finishing_there_beats_moving():
    run, _ = speculating(chain("fetch"), node="n1")
    run.handle(e.AttemptStarted(at_s=0.02, attempt="t.1", node="n1"))

    run.handle(e.OptimalPlanReady(at_s=0.9, plan=plan(chain("fetch"), node="n3")))

    assert verdicts(run) == {"t.1": Verdict.KEEP}


def test_work_on_another_node_is_migrated_when_moving_wins():
    run, _ = speculating(chain("fetch"), node="n1")
    run.handle(e.AttemptStarted(at_s=0.02, attempt="t.1", node="n1"))
    there = plan(chain("fetch"), node="n3")
    quick = there.steps[0].placement.model_copy(update={"duration_s": 0.1})
    there = there.model_copy(update={"steps": (there.steps[0].model_copy(update={"placement": quick}),)})

    commands = run.handle(e.OptimalPlanReady(at_s=0.1, plan=there))

    assert names(commands) == ["Flush", "Dispatch"]
    assert verdicts(run) == {"t.1": Verdict.MIGRATE, "t.2": Verdict.COMMIT}


def test_an_equal_node_is_as_good_as_the_same_node():
    run, _ = speculating(chain("fetch"), node="n1")

    run.handle(e.OptimalPlanReady(at_s=0.1, plan=plan(chain("fetch"), node="n2")))

    assert verdicts(run) == {"t.1": Verdict.COMMIT}


@pytest.mark.parametrize(("policy", "verdict"), [("exact", Verdict.FLUSH), ("interchangeable", Verdict.KEEP)])
def test_another_agents_work_is_kept_only_where_the_policy_says_agents_are_interchangeable(policy, verdict):
    run = a_run(interchange=policy)
    run.handle(e.RunStarted(at_s=0.0))
    run.handle(e.SpeculativePlanReady(at_s=0.01, plan=guess(chain("fetch"), agent="large"), conditions=SOON))

    run.handle(e.OptimalPlanReady(at_s=0.1, plan=plan(chain("fetch"), agent="small")))

    assert run.attempts["t.1"].verdict is verdict


def test_an_irreversible_step_waits_for_the_optimal_plan():
    run, commands = speculating(chain("write"))
    assert names(commands) == []

    commands = run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("write"))))

    (dispatch,) = [command for command in commands if isinstance(command, c.Dispatch)]
    assert not dispatch.speculative


def learned(commands):
    return {command.outcome.step: command.outcome for command in commands if isinstance(command, c.Learn)}


def streaming(seconds=0.5):
    """A run whose guess was right; its plan has fetch after 1 s and all after 2 s. Returns what it learned."""
    run, _ = speculating(chain("fetch", "solve"))
    finished(run, "t.1", seconds, seconds=seconds)
    finished(run, "t.2", 2 * seconds, seconds=seconds)
    first = run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("fetch"), complete=False)))
    return learned(first), learned(run.handle(e.OptimalPlanReady(at_s=2.0, plan=plan(chain("fetch", "solve")))))


def test_what_a_guess_has_saved_is_learned_when_the_plan_is_complete():
    """Before that it is not known when the steps that need it will be confirmed."""
    early, late = streaming()

    assert early == {}
    assert {step: outcome.verdict for step, outcome in late.items()} == {"a": Verdict.COMMIT, "b": Verdict.COMMIT}


def test_a_guess_has_saved_nothing_that_the_stream_would_not_have_lost():
    """Without it fetch had started at 1 s and solve, confirmed at 2 s, only then: half a second is saved."""
    _, late = streaming()

    assert late["a"].realised_s == 0.0
    assert late["b"].realised_s == pytest.approx(0.5)


def test_of_a_plan_that_comes_whole_every_guess_on_the_path_has_saved_its_own_seconds():
    run, _ = speculating(chain("fetch", "solve"))
    finished(run, "t.1", 0.5)
    finished(run, "t.2", 1.0)

    late = learned(run.handle(e.OptimalPlanReady(at_s=2.0, plan=plan(chain("fetch", "solve")))))

    assert [late[step].realised_s for step in "ab"] == pytest.approx([0.5, 0.5])


def test_a_guess_that_still_runs_has_saved_what_it_was_ahead_of_its_confirmation():
    run, _ = speculating(chain("fetch"))
    run.handle(e.AttemptStarted(at_s=0.01, attempt="t.1", node="n1"))
    run.handle(e.OptimalPlanReady(at_s=0.71, plan=plan(chain("fetch"))))

    (outcome,) = learned(finished(run, "t.1", 1.01, seconds=1.0)).values()

    assert outcome.realised_s == pytest.approx(0.7)


def test_a_guess_that_fails_after_all_has_saved_nothing():
    run, _ = speculating(chain("fetch"))
    run.handle(e.OptimalPlanReady(at_s=0.7, plan=plan(chain("fetch"))))

    broke = Failure(kind=FailureKind.ERROR, message="it broke")
    (outcome,) = learned(run.handle(e.AttemptFailed(at_s=1.0, attempt="t.1", failure=broke))).values()

    assert (outcome.verdict, outcome.realised_s) == (Verdict.COMMIT, 0.0)


def test_when_a_stream_breaks_off_what_was_held_is_learned_all_the_same():
    run, _ = speculating(chain("fetch"))
    finished(run, "t.1", 0.5)
    run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("fetch"), complete=False)))

    late = learned(run.handle(e.CancelRequested(at_s=1.5)))

    assert late["a"].verdict is Verdict.COMMIT
    assert late["a"].realised_s == pytest.approx(0.49)


@pytest.mark.parametrize("mode", [Mode.FORERUN, Mode.STREAMED, Mode.WAIT, Mode.LIST_SCHEDULE])
def test_how_long_planning_took_is_told_where_an_optimal_planner_was_asked(mode):
    """Planning took until the complete plan, whatever prefix was there before."""
    unasked = mode is Mode.LIST_SCHEDULE
    run = a_run(mode)
    run.handle(e.RunStarted(at_s=0.0))
    run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("fetch"), complete=unasked)))
    run.handle(e.OptimalPlanReady(at_s=2.0, plan=plan(chain("fetch"))))

    (outcome,) = learned(finished(run, "t.1", 3.0)).values()

    assert outcome.planning_s == (None if unasked else 2.0)


def test_the_gate_expects_the_steps_of_a_plan_with_all_of_it():
    """Confirmed one after another at once they would save nothing, and a goal seen before would wait for its plan."""
    soon = Conditions(guidance=Guidance(plan_p50_s=0.02), prior_plan_s=3.0)
    run = a_run()
    run.handle(e.RunStarted(at_s=0.0))

    commands = run.handle(e.SpeculativePlanReady(at_s=0.01, plan=guess(chain("fetch", "solve")), conditions=soon))

    assert names(commands) == ["Dispatch"]


def keeping_another_agents_work():
    """A run that has kept the work of the large agent, where its plan chose the small one."""
    run = a_run(interchange="interchangeable")
    run.handle(e.RunStarted(at_s=0.0))
    run.handle(e.SpeculativePlanReady(at_s=0.01, plan=guess(chain("fetch"), agent="large"), conditions=SOON))
    run.handle(e.OptimalPlanReady(at_s=0.1, plan=plan(chain("fetch"), agent="small")))
    return run


def test_work_of_another_agent_that_fails_is_tried_again_by_that_agent():
    run = keeping_another_agents_work()

    run.handle(e.AttemptFailed(at_s=0.5, attempt="t.1", failure=Failure(kind=FailureKind.ERROR, message="it broke")))
    (dispatch,) = run.handle(e.TimePassed(at_s=0.6))

    assert (dispatch.agent, dispatch.work_key) == ("fetch-large", run.attempts["t.1"].work_key)


def test_a_like_step_does_not_take_the_work_of_another_step_of_the_plan():
    first, second = (Step(id=StepId(name), capability="fetch", inputs={"k": Value(value=1)}) for name in ("x", "y"))
    run = a_run(interchange="interchangeable")
    run.handle(e.RunStarted(at_s=0.0))
    run.handle(e.OptimalPlanReady(at_s=0.1, plan=plan([first, second])))
    run.handle(e.AttemptFinished(at_s=1.0, attempt="t.2", handoff=Handoff(), seconds=0.5))
    run.handle(e.NodeLost(at_s=1.5, node="n1"))

    (dispatch,) = run.handle(e.OptimalPlanReady(at_s=2.0, plan=plan([first, second], node="n3"), epoch=2))

    assert dispatch.step == "x"
    assert run.steps["y"].attempt == "t.2"


def test_a_later_guess_does_not_change_when_the_first_was_there():
    run, _ = speculating(chain("fetch", "solve"))
    first_s = run.guess_s

    run.handle(e.SpeculativePlanReady(at_s=0.9, plan=guess(chain("fetch", "solve"))))

    assert run.guess_s == first_s is not None
