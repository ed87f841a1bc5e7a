"""Alternatives to the best guess: those with other first steps, and the probability they may claim."""

import pytest
from goals import Clock, goal_task, request
from planner_pipelines import guesser

from planners.plans import PlanKind
from planners.speculative import GuessedPlan, SpeculativeSettings
from planners.speculative.binding import bind

ASKED = request(goal_task("Do it", {"url": "u", "text": "words", "to": "French", "body": "b"}))
TWO = SpeculativeSettings(alternatives=2)
FETCH = GuessedPlan(steps=("fetch", "caption"), edges=((0, 1),), work_probability=(0.6, 0.5))
TRANSLATE = GuessedPlan(steps=("translate",), work_probability=(0.2,))
MAIL = GuessedPlan(steps=("mail",), work_probability=(0.3,))


class Predictor:
    def __init__(self, *guesses):
        self.guesses = guesses

    def predict(self, _text, k, _kind=""):
        return list(self.guesses)[:k]


def guessed(*guesses, clock=None, **settings):
    """Capability of the first step and its probability over that of the binding, guess by guess."""
    planner = guesser(
        predictor=Predictor(*guesses),
        settings=SpeculativeSettings(**{"alternatives": 2, **settings}),
        clock=clock or Clock(),
    )
    return [(plan.steps[0].step.capability, plan.steps[0].probability) for plan in planner.guesses(ASKED)]


def names(found):
    return [capability for capability, _ in found]


def test_guesses_with_other_first_steps_follow_the_best_one_the_likeliest_first():
    assert names(guessed(FETCH, TRANSLATE, MAIL)) == ["fetch", "mail", "translate"]


def test_of_guesses_with_the_same_first_step_one_is_enough():
    alike = GuessedPlan(steps=("fetch",), work_probability=(0.6,))

    assert names(guessed(FETCH, alike, MAIL, MAIL)) == ["fetch", "mail"]


def test_a_guess_whose_first_step_the_best_one_has_is_not_bound_to_its_end(monkeypatch):
    """Most further guesses begin like the best one, and binding all steps takes most of the time of looking at them."""
    bound = []

    def recorded(*given, **more):
        bound.append(bind(*given, **more))
        return bound[-1]

    monkeypatch.setattr("planners.speculative.planner.bind", recorded)
    longer = GuessedPlan(steps=("fetch", "caption"), edges=((0, 1),), work_probability=(0.6, 0.4))

    assert names(guessed(FETCH, TRANSLATE, TRANSLATE, longer, MAIL)) == ["fetch", "mail", "translate"]
    assert [len(one.steps) for one in bound] == [2, 1, 1, 0, 1]


def test_alternatives_are_bounded_in_number_and_probability():
    assert names(guessed(FETCH, TRANSLATE, MAIL, alternatives=1)) == ["fetch", "mail"]
    assert names(guessed(FETCH, TRANSLATE, MAIL, alternatives=0)) == ["fetch"]
    assert names(guessed(FETCH, TRANSLATE, MAIL, min_alternative=0.2)) == ["fetch", "mail"]


def test_together_they_claim_no_more_than_the_best_guess_leaves():
    sure = GuessedPlan(steps=("fetch",), work_probability=(1.0,))
    bold = GuessedPlan(steps=("mail",), work_probability=(0.9,))
    best = dict(guessed(sure))["fetch"]

    (_, first), (_, second) = guessed(sure, bold)

    assert first == best
    assert second == pytest.approx(1 - best)
    assert dict(guessed(bold))["mail"] > second


def test_each_guess_is_made_when_it_is_asked_for(monkeypatch):
    """The first guess is dispatched before time is spent on the others."""
    scheduled = []
    planner = guesser(predictor=Predictor(FETCH, MAIL), settings=TWO, clock=Clock())
    list_scheduler = planner._list_scheduler
    monkeypatch.setattr(planner, "_list_scheduler", lambda *given: scheduled.append(1) or list_scheduler(*given))

    found = planner.guesses(ASKED)
    next(found)

    assert len(scheduled) == 1
    assert len(list(found)) == 1
    assert len(scheduled) == 2


def test_alternatives_have_their_own_budget():
    """Each look at the clock takes 2 ms: 10 ms are gone after a few guesses, and the rest are left out."""
    many = [GuessedPlan(steps=(name,), work_probability=(0.3,)) for name in ("fetch", "mail", "translate")]

    in_time = guessed(FETCH, *many, guesses=1, clock=Clock(tick_s=0.0001))
    late = guessed(FETCH, *many, guesses=1, budget_s=0.02, clock=Clock(tick_s=0.008))

    assert len(in_time) > len(late) >= 1
    assert names(late)[0] == "fetch"


def test_a_goal_that_matches_a_template_has_no_alternatives():
    planner = guesser(predictor=Predictor(FETCH, MAIL), settings=TWO)
    plan = next(planner.guesses(ASKED))
    planner.cache.remember(ASKED.task, plan.model_copy(update={"kind": PlanKind.OPTIMAL}))

    assert [guess.origin.split("+")[0] for guess in planner.guesses(ASKED)] == ["plan-cache"]
