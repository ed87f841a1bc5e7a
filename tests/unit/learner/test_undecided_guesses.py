"""Guesses that no plan has judged teach nothing about how good guesses are."""

import pytest
from runs import chain, speculating

from learner.learner import Learner
from planners.tasks import Limits
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.handoff import Failure, FailureKind

ENDS = {
    "cancel": e.CancelRequested(at_s=2.0),
    "no plan": e.PlanningFailed(at_s=2.0, failure=Failure(kind=FailureKind.PLANNING, message="the LLM is away")),
    "deadline": e.TimePassed(at_s=2.0),
}


def learned_from(event):
    """What a run that ends so, while a guess is under way, tells the learner."""
    run, _ = speculating(chain("fetch"))
    run.task = run.task.model_copy(update={"limits": Limits(deadline_s=2.0)})
    commands = run.handle(event)
    assert run.status.ended
    return [command.outcome for command in commands if isinstance(command, c.Learn)]


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_an_end_without_a_plan_says_nothing_about_guesses(end):
    learner, untaught = Learner(), Learner()

    for number in range(8):
        learner.observe(outcome.model_copy(update={"task": f"t{number}"}) for outcome in learned_from(end))

    guidance, prior = learner.snapshot().guidance_for(""), untaught.snapshot().guidance_for("")
    assert (guidance.closed, guidance.throttle) == (False, prior.throttle)
    assert guidance.calibration.of(0.9) == prior.calibration.of(0.9)
