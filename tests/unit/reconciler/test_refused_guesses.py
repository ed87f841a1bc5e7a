"""What the gate refuses is learned from and shown, whatever becomes of the guess that held it."""

import pytest
from runs import SOON, chain, finished, guess, plan, speculating

from reconciler.gate import Guidance
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.conditions import Conditions
from reconciler.state.outcomes import Verdict
from reconciler.views.projections import plans_view, timeline
from reconciler.views.step_view import step_view

CLOSED = Conditions(prior_plan_s=3.0, guidance=Guidance(closed=True))
WRONG, TRUE = chain("solve", "fetch"), chain("fetch", "solve")


def prefix_of(steps, known):
    return plan(steps).model_copy(update={"steps": plan(steps).steps[:known], "complete": False, "outputs": {}})


def guessed_again(run, steps, at_s=0.6, conditions=CLOSED, **more):
    event = e.SpeculativePlanReady(at_s=at_s, plan=guess(steps), conditions=conditions, **more)
    return run.handle(event)


def refused(commands):
    """What the learner hears of refusals: the capability, and whether the plan held the work."""
    outcomes = [command.outcome for command in commands if isinstance(command, c.Learn)]
    return {one.capability: one.verdict.survives for one in outcomes if not one.dispatched}


def agents(run):
    return [decision.agent for decision in timeline(run).refusals]


def test_refusals_of_a_guess_that_was_made_again_are_learned_from():
    run, _ = speculating(WRONG, conditions=CLOSED)
    guessed_again(run, TRUE)

    commands = run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(TRUE)))

    assert refused(commands) == {"fetch": True, "solve": False}


def test_a_refused_step_that_a_prefix_of_the_plan_starts_is_learned_from_as_a_right_guess():
    """If only those were learned from that no prefix holds, refused guesses would all seem to be wrong."""
    run, _ = speculating(TRUE, conditions=CLOSED)
    run.handle(e.OptimalPlanReady(at_s=0.5, plan=prefix_of(TRUE, 1)))

    commands = run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(TRUE)))

    assert refused(commands) == {"fetch": True}


def test_a_refused_step_would_have_saved_no_more_than_its_lead_over_the_plan():
    run, _ = speculating(TRUE, conditions=CLOSED)
    run.handle(e.OptimalPlanReady(at_s=0.5, plan=prefix_of(TRUE, 1)))
    commands = run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(TRUE)))

    (outcome,) = [one.outcome for one in commands if isinstance(one, c.Learn)]

    assert outcome.appraisal.own_s == pytest.approx(1.0)
    assert outcome.realised_s == pytest.approx(0.5 - 0.01)


def test_work_that_a_later_guess_starts_was_not_refused():
    run, _ = speculating(TRUE, conditions=CLOSED)
    guessed_again(run, TRUE, conditions=SOON)
    finished(run, "t.1", 0.9)

    commands = run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(TRUE)))

    assert refused(commands) == {}
    assert agents(run) == []


def test_a_work_that_several_guesses_were_refused_is_learned_from_once():
    run, _ = speculating(TRUE, conditions=CLOSED)
    guessed_again(run, TRUE, at_s=0.6)
    guessed_again(run, WRONG, at_s=0.7, alternative=True)

    commands = run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("fetch"))))

    outcomes = [one.outcome for one in commands if isinstance(one, c.Learn)]
    assert [(one.capability, one.verdict) for one in outcomes] == [("fetch", Verdict.COMMIT), ("solve", Verdict.FLUSH)]


def test_a_timeline_has_the_refusals_of_all_guesses():
    run, _ = speculating(WRONG, conditions=CLOSED)
    guessed_again(run, TRUE)
    before = agents(run)

    run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(TRUE)))

    assert before == agents(run) == ["solve-small", "fetch-small"]


def test_a_step_shows_the_refusal_at_the_agent_that_it_has():
    run, _ = speculating(TRUE, conditions=CLOSED)
    guessed_again(run, WRONG, alternative=True)
    run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(TRUE)))

    view = step_view("a", plans_view(run), timeline(run), {})

    assert view.decision.agent == "fetch-small"


def test_how_long_wrong_guesses_of_the_kind_have_run_decides_about_a_doubtful_one():
    doubtful = Conditions(prior_plan_s=3.0, guidance=Guidance(throttle=0.05))
    early = doubtful.model_copy(update={"guidance": Guidance(throttle=0.05, risk_ratio=0.2)})

    assert speculating(TRUE, conditions=doubtful)[1] == []
    assert [type(one) for one in speculating(TRUE, conditions=early)[1]] == [c.Dispatch]


def test_a_snapshot_has_the_refusals_of_its_moment():
    """Views are made of snapshots in another thread."""
    run, _ = speculating(WRONG, conditions=CLOSED)
    still = run.snapshot()

    guessed_again(run, TRUE)

    assert agents(still) == ["solve-small"]
    assert agents(run) == ["solve-small", "fetch-small"]
