"""A task that asks about its limits gives, once they are raised, what it gives without limits."""

import pytest
from declared import CATALOG, Declared, a_task
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from random_workflows import answered, workflows

from planners.agents import Catalog, Price
from reconciler.simulation import Restart
from reconciler.state import events as e
from reconciler.state.commands import RunStatus
from reconciler.state.run import RunState

PRICED = Catalog(agents=tuple(one.model_copy(update={"price": Price(usd_per_call=1.0)}) for one in CATALOG.agents))
INPUTS = {"seed": 7, "list": [3, 4]}
STEP_S, PLAN_S = 2.0, 0.3
MOST_PLANS = 50  # three turns of a loop in each of three turns of a loop in each of three
ASK = {"on_budget": "ask", "on_deadline": "ask"}
RAISED = {"budget_usd": 1e6, "deadline_s": 1e6}


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


def played(steps, mode, limits, answers=(), *, seconds=0.5, kills=()):
    world = Declared(
        a_task(steps, INPUTS, mode=mode, **limits),
        output=answered(),
        seconds=lambda *_: seconds,
        plan_s=PLAN_S,
        happened=False,
        faults=answers,
        catalog=PRICED,
        restarts=tuple(Restart(after=after) for after in dict.fromkeys(kills)),
    )
    return world.play()


asking = st.builds(
    lambda budget_usd, deadline_s: {"budget_usd": budget_usd, "deadline_s": deadline_s, **ASK},
    st.sampled_from([0.0, 1.0, 3.5, 8.0]),
    st.sampled_from([0.1, 1.0, 2.0, 5.0]),
)


def result(world):
    run = world.run
    return (run.status, world.outputs) if run.status is RunStatus.SUCCEEDED else run.status


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.generate,))
@given(
    workflows(effects=True),
    st.sampled_from(["wait", "forerun"]),
    asking,
    st.tuples(st.sampled_from([0.7, 2.5, 300.0]), st.booleans()),
    st.lists(st.integers(1, 30), max_size=2).map(sorted),
)
def test_raised_limits_change_nothing_but_the_time(steps, mode, asks, said, kills):
    at_s, replans = said
    answer = (at_s, e.LimitsAnswered(at_s=0, replans=replans, **RAISED))

    free = played(steps, "wait", {})
    asked = played(steps, mode, asks, (answer,), kills=kills)

    assert result(asked) == result(free), steps


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.generate,))
@given(
    workflows(effects=True),
    st.sampled_from(["wait", "forerun"]),
    asking,
    st.sampled_from(["finish", "fail"]),
    st.lists(st.integers(1, 30), max_size=2).map(sorted),
)
def test_a_task_that_asks_ends_soon_once_somebody_ends_it(steps, mode, asks, action, kills):
    # Once about each limit: whether the budget suffices may show only after that.
    answers = tuple((at_s, e.LimitsAnswered(at_s=0, action=action)) for at_s in (300.0, 310.0))

    world = played(steps, mode, asks, answers, kills=kills)

    assert world.run.status.ended, steps
    assert world.run.at_s < 330.0


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.generate,))
@given(
    workflows(effects=True),
    st.sampled_from(["wait", "forerun"]),
    st.sampled_from([0.1, 1.0, 2.0, 5.0]),
    st.lists(st.integers(1, 30), max_size=2).map(sorted),
)
def test_a_task_that_finishes_at_its_deadline_ends_then(steps, mode, deadline_s, kills):
    """An act that is under way runs to its end. Where defaults stand for steps, each turn that a loop has left and each
    block that reads them takes a plan, but no time besides."""
    limits = {"deadline_s": deadline_s, "on_deadline": "finish"}

    world = played(steps, mode, limits, seconds=STEP_S, kills=kills)

    late = [one for one in world.simulation.events if one.at_s >= deadline_s]
    plans = sum(isinstance(one, e.OptimalPlanReady | e.PlanningFailed) for one in late)
    assert world.run.status.ended, steps
    assert plans <= MOST_PLANS
    assert world.run.at_s < deadline_s + STEP_S + PLAN_S * (plans + 1)
