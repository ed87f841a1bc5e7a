"""Guesses made again while the plan streams in: what goes on, what is given up, and what is learned from it."""

from runs import SOON, chain, finished, guess, names, plan, speculating, verdicts

from planners.bindings import Value
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.outcomes import Verdict


def prefix_of(steps, known):
    return plan(steps).model_copy(update={"steps": plan(steps).steps[:known], "complete": False, "outputs": {}})


def revised(run, at_s, steps, known, unlikely=()):
    event = e.SpeculativePlanReady(
        at_s=at_s, plan=guess(steps), conditions=SOON, continues=known, unlikely=tuple(unlikely)
    )
    return run.handle(event)


def works(steps):
    return [planned.work_key for planned in guess(steps).steps]


def learned(commands):
    return [command.outcome for command in commands if isinstance(command, c.Learn)]


WRONG, TRUE = chain("solve", "fetch"), chain("fetch", "solve")


def a_wrong_guess_at_work():
    """The guess began with another step than the plan."""
    run, _ = speculating(WRONG)
    run.handle(e.AttemptStarted(at_s=0.02, attempt="t.1", node="n1"))
    run.handle(e.OptimalPlanReady(at_s=0.5, plan=prefix_of(TRUE, 1)))
    return run


def test_an_unlikely_attempt_is_cancelled_before_the_plan_is_complete():
    run = a_wrong_guess_at_work()

    commands = revised(run, 0.6, TRUE, 1, unlikely=works(WRONG))

    assert c.Flush(attempts=("t.1",)) in commands
    assert verdicts(run) == {"t.1": Verdict.FLUSH, "t.2": Verdict.COMMIT}


def test_the_rest_of_the_plan_is_guessed_behind_its_known_steps():
    run = a_wrong_guess_at_work()
    revised(run, 0.6, TRUE, 1)

    (dispatch,) = [command for command in finished(run, "t.2", 1.0) if isinstance(command, c.Dispatch)]

    assert (dispatch.step, dispatch.speculative) == ("b", True)
    assert dispatch.inputs["one"] == c.OutputOf(attempt="t.2")


def test_a_revised_guess_goes_on_with_what_is_under_way():
    run, _ = speculating(TRUE)
    run.handle(e.OptimalPlanReady(at_s=0.5, plan=prefix_of(TRUE, 1)))

    assert names(revised(run, 0.6, TRUE, 1)) == []
    assert verdicts(run) == {"t.1": Verdict.COMMIT}


def test_finished_and_confirmed_work_is_never_given_up():
    run, _ = speculating(TRUE)
    run.handle(e.OptimalPlanReady(at_s=0.5, plan=prefix_of(TRUE, 1)))
    finished(run, "t.1", 0.6)
    finished(run, "t.2", 0.9)

    assert names(revised(run, 1.0, TRUE, 1, unlikely=works(TRUE))) == []
    assert verdicts(run) == {"t.1": Verdict.COMMIT, "t.2": None}


def test_work_that_was_given_up_wrongly_is_done_again_and_counts_as_a_right_guess():
    run = a_wrong_guess_at_work()
    revised(run, 0.6, TRUE, 1, unlikely=works(WRONG))
    both = [*TRUE, *(step.model_copy(update={"id": f"x{step.id}"}) for step in WRONG[:1])]

    commands = run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(both)))

    assert ("xa", False) in [(one.step, one.speculative) for one in commands if isinstance(one, c.Dispatch)]
    (outcome,) = [outcome for outcome in learned(commands) if outcome.given_up]
    assert outcome.verdict is Verdict.COMMIT


def test_work_that_was_given_up_rightly_counts_as_a_wrong_guess_once_the_plan_is_complete():
    run = a_wrong_guess_at_work()

    early = revised(run, 0.6, TRUE, 1, unlikely=works(WRONG))
    commands = run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(TRUE)))

    assert learned(early) == []
    (outcome,) = [outcome for outcome in learned(commands) if outcome.given_up]
    assert outcome.verdict is Verdict.FLUSH


def test_work_that_was_given_up_is_started_again_if_a_later_guess_holds_it():
    other = chain("fetch", "solve")
    other[1] = other[1].model_copy(update={"inputs": other[1].inputs | {"k": Value(value=2)}})
    run, _ = speculating(TRUE)
    run.handle(e.OptimalPlanReady(at_s=0.1, plan=prefix_of(TRUE, 1)))
    finished(run, "t.1", 0.5)
    revised(run, 0.6, other, 1, unlikely=works(TRUE)[1:])

    commands = revised(run, 0.7, TRUE, 1)

    assert [command.step for command in commands if isinstance(command, c.Dispatch)] == ["b"]


def test_a_guess_that_comes_after_the_plan_changes_nothing():
    run = a_wrong_guess_at_work()
    run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(TRUE)))

    assert revised(run, 1.1, WRONG, 1, unlikely=works(TRUE)) == []
