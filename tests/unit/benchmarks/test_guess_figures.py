"""Figures of guesses made again: how often giving up a step of the first guess was right."""

from benchmarks.guess_figures import GuessFigures
from learner.predictor import PlanExample
from planners.speculative import GuessedPlan


class Predictor:
    """Guesses to cancel and pay; once a step is known, that nothing but that step comes."""

    fitted = True

    def predict(self, _request, kind=""):
        return [GuessedPlan(steps=("cancel", "pay"), step_probability=(0.5, 0.5))]

    def continuations(self, _request, confirmed, _k, _kind=""):
        return [GuessedPlan(steps=confirmed.steps, edges=confirmed.edges, probability=0.95)]


def test_a_step_given_up_is_counted_once_and_rightly_where_the_true_plan_does_not_hold_it():
    figures = GuessFigures()

    figures.collect(
        Predictor(), [PlanExample("Pay the bill.", ("pay", "print"), ()), PlanExample("Print.", ("print",), ())]
    )

    # Of the first plan "cancel" is given up; of the second both steps.
    assert (figures.rest()["all"]["given_up"], figures.rest()["all"]["given_up_rightly"]) == (3, 1.0)


def test_a_step_given_up_wrongly_lowers_the_share():
    figures = GuessFigures()

    figures.collect(Predictor(), [PlanExample("Print, then pay.", ("print", "pay"), ())])

    assert (figures.rest()["all"]["given_up"], figures.rest()["all"]["given_up_rightly"]) == (2, 0.5)
