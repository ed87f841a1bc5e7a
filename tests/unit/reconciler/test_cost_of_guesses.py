"""What guesses may cost: they have an allowance of their own, and its caps hold for all that is unconfirmed."""

import pytest
import worlds

from planners.agents import AgentSpec, Catalog, Price
from planners.bindings import StepRef, Value
from planners.model import StepId
from planners.plans import PlanKind
from planners.tasks import Limits, Mode
from planners.workflow import Step
from reconciler.gate import GatePolicy
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.conditions import Conditions
from reconciler.state.handoff import Handoff
from reconciler.state.run import RunState


@pytest.fixture
def paid(monkeypatch):
    """Two agents of which each call costs 60 cents."""
    agents = [AgentSpec(name=f"fetch-{n}", capability="fetch", price=Price(usd_per_call=0.6)) for n in ("x", "y")]
    catalog = Catalog(agents=tuple(agents))
    monkeypatch.setattr(worlds, "CATALOG", catalog)
    return catalog


def steps_in_a_row(count):
    steps = []
    for number in range(count):
        inputs = {"k": Value(value=number)} | ({"one": StepRef(step=steps[-1].id)} if steps else {})
        steps.append(Step(id=StepId(f"s{number}"), capability="fetch", inputs=inputs))
    return steps


def by(agent, steps, kind):
    return worlds.planned(steps, [agent] * len(steps), ["n1"] * len(steps), kind)


def guessing(catalog, steps, policy, **more):
    """A run that has taken up a guess at these steps by fetch-y; returns it with what it dispatched."""
    task = worlds.a_task()
    planning = task.planning.model_copy(update={"value_of_time_usd_per_s": 100.0})
    run = RunState("t", task.model_copy(update={"planning": planning, **more}), catalog)
    run.handle(e.RunStarted(at_s=0.0))
    conditions = Conditions(prior_plan_s=60.0, policy=policy)
    guess = by("fetch-y", steps, PlanKind.SPECULATIVE)
    return run, run.handle(e.SpeculativePlanReady(at_s=0.01, plan=guess, conditions=conditions))


def finish(run, commands, at_s):
    """Finish what was dispatched; returns what is dispatched next."""
    following = []
    for order in [command for command in commands if isinstance(command, c.Dispatch)]:
        done = e.AttemptFinished(at_s=at_s, attempt=order.attempt, handoff=Handoff(output=1), seconds=1.0)
        following += run.handle(done)
    return following


def test_a_wrong_guess_takes_no_money_from_the_confirmed_plan(paid):
    (step,) = steps_in_a_row(1)
    run, _ = guessing(paid, [step], GatePolicy(), limits=Limits(budget_usd=1.0))
    run.handle(e.AttemptStarted(at_s=0.02, attempt="t.1", node="n1"))

    commands = run.handle(e.OptimalPlanReady(at_s=1.0, plan=by("fetch-x", [step], PlanKind.OPTIMAL)))
    finish(run, commands, 2.0)

    assert run.status is c.RunStatus.SUCCEEDED


def test_a_budget_that_suffices_for_the_plan_suffices_without_a_guess(paid):
    (step,) = steps_in_a_row(1)
    task = worlds.a_task(Mode.WAIT).model_copy(update={"limits": Limits(budget_usd=1.0)})
    run = RunState("t", task, paid)
    run.handle(e.RunStarted(at_s=0.0))

    commands = run.handle(e.OptimalPlanReady(at_s=1.0, plan=by("fetch-x", [step], PlanKind.OPTIMAL)))
    finish(run, commands, 2.0)

    assert run.status is c.RunStatus.SUCCEEDED


@pytest.mark.parametrize(
    "policy",
    [GatePolicy(max_usd=0.7), GatePolicy(max_attempts=1), GatePolicy(max_agent_s=1.5)],
    ids=["dollars", "attempts", "agent seconds"],
)
def test_caps_of_the_gate_hold_for_all_that_is_unconfirmed(paid, policy):
    run, commands = guessing(paid, steps_in_a_row(5), policy)
    for at_s in (1.0, 2.0, 3.0, 4.0, 5.0):
        commands = finish(run, commands, at_s)

    assert list(run.attempts) == ["t.1"]
