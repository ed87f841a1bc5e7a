"""Guesses that begin differently, tried side by side: at most one of them is right."""

from runs import SOON, chain, finished, guess, names, plan, speculating, verdicts

from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.conditions import Conditions
from reconciler.state.outcomes import Verdict
from reconciler.views.projections import saved_s


def tried(run, steps, at_s=0.02, conditions=SOON):
    """What a run dispatches when it hears of an alternative."""
    return run.handle(e.SpeculativePlanReady(at_s=at_s, plan=guess(steps), conditions=conditions, alternative=True))


def agents(commands):
    return [command.agent for command in commands]


def test_an_alternative_starts_beside_the_guess_and_the_guess_stays_the_guess():
    run, _ = speculating(chain("fetch", "solve"))

    commands = tried(run, chain("solve", "fetch"))

    assert [(command.step, command.agent, command.speculative) for command in commands] == [("a", "solve-small", True)]
    assert [planned.step.capability for planned in run.guess.steps] == ["fetch", "solve"]
    assert run.guess_s == 0.01


def test_the_one_that_was_right_is_committed_and_the_other_flushed():
    run, _ = speculating(chain("fetch", "solve"))
    tried(run, chain("solve", "fetch"))
    finished(run, "t.2", 0.5)

    commands = run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("solve", "fetch"))))

    assert verdicts(run) == {"t.1": Verdict.FLUSH, "t.2": Verdict.COMMIT, "t.3": Verdict.COMMIT}
    assert c.Flush(attempts=("t.1",)) in commands
    assert "Dispatch" not in names(commands)


def test_work_that_both_hold_is_done_once():
    run, _ = speculating(chain("fetch", "solve"))

    assert tried(run, chain("fetch", "fetch")) == []

    dispatched = finished(run, "t.1", 0.5)
    assert [(command.step, command.agent) for command in dispatched] == [("b", "solve-small"), ("b", "fetch-small")]
    assert all(command.inputs["one"] == c.OutputOf(attempt="t.1") for command in dispatched)


def test_once_a_prefix_of_the_plan_begins_like_one_guess_nothing_more_of_the_others_is_started():
    run, _ = speculating(chain("fetch", "solve"))
    tried(run, chain("solve", "fetch"))

    prefix = plan(chain("solve"), complete=False)
    assert names(run.handle(e.OptimalPlanReady(at_s=0.1, plan=prefix))) == ["Confirm"]

    assert names(finished(run, "t.1", 0.5)) == []
    assert agents(finished(run, "t.2", 0.6)) == ["fetch-small"]


def test_a_prefix_that_begins_like_none_of_them_leaves_them_all_be():
    """What they hold may be further down in the plan."""
    run, _ = speculating(chain("fetch", "solve"))
    tried(run, chain("solve", "fetch"))

    run.handle(e.OptimalPlanReady(at_s=0.1, plan=plan(chain("fetch", literal=2), complete=False)))

    assert agents(finished(run, "t.1", 0.5)) == ["solve-small"]
    assert agents(finished(run, "t.2", 0.6)) == ["fetch-small"]


def test_work_that_every_guess_was_refused_is_learned_of_once():
    late = Conditions(prior_plan_s=0.0)
    run, _ = speculating(chain("fetch"), conditions=late)
    tried(run, chain("fetch", "solve"), conditions=late)
    tried(run, chain("solve"), conditions=late)

    commands = run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("solve"))))

    refused = [one.outcome for one in commands if isinstance(one, c.Learn) and not one.outcome.dispatched]
    assert [(outcome.capability, outcome.verdict) for outcome in refused] == [
        ("fetch", Verdict.FLUSH),
        ("solve", Verdict.COMMIT),
    ]
    assert len({outcome.attempt for outcome in refused}) == 2


def test_a_new_guess_takes_the_place_of_a_former_one_and_its_alternatives():
    """After a restart the question is asked again."""
    run, _ = speculating(chain("fetch", "solve"))
    tried(run, chain("solve", "fetch"))

    run.handle(e.SpeculativePlanReady(at_s=0.1, plan=guess(chain("fetch")), conditions=SOON))

    assert names(finished(run, "t.1", 0.5)) == names(finished(run, "t.2", 0.5)) == []


def test_the_seconds_of_a_flushed_step_are_not_taken_for_those_of_the_step_of_its_name():
    run, _ = speculating(chain("fetch"))
    tried(run, chain("solve"))
    finished(run, "t.1", 1.0, seconds=1.0)
    finished(run, "t.2", 9.0, seconds=9.0)
    run.handle(e.OptimalPlanReady(at_s=10.0, plan=plan(chain("fetch"))))

    assert run.status is c.RunStatus.SUCCEEDED
    assert saved_s(run) == 1.0
