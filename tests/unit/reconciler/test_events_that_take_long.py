"""Which events a shard handles in a thread: those whose work is linear in the steps of a large run."""

import worlds

from planners.bindings import StepRef, Value
from planners.model import StepId
from planners.plans import PlanKind
from planners.workflow import Step
from reconciler.gate import GatePolicy, Pricing
from reconciler.runtime.event_handling import takes_long
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.conditions import Conditions
from reconciler.state.handoff import Handoff
from reconciler.state.run import RunState

MANY = 400


class Unchecked(RunState):
    """Checking a run costs work in proportion to its size."""

    validates = False


def guessed(count):
    """A run that has taken up a guess at a chain of so many steps; returned with what it dispatched."""
    steps = []
    for number in range(count):
        inputs = {"k": Value(value=number)} | ({"one": StepRef(step=steps[-1].id)} if steps else {})
        steps.append(Step(id=StepId(f"s{number}"), capability="fetch", inputs=inputs))
    guess = worlds.planned(steps, ["fetch-small"] * count, ["n1"] * count, PlanKind.SPECULATIVE)
    run = Unchecked("t", worlds.a_task(), worlds.CATALOG)
    run.handle(e.RunStarted(at_s=0.0))
    boldly = Conditions(prior_plan_s=1e6, policy=GatePolicy(max_attempts=None, min_saved_s=0.0))
    return run, run.handle(e.SpeculativePlanReady(at_s=0.1, plan=guess, conditions=boldly))


def test_a_report_takes_long_whenever_a_large_guess_is_priced_again(monkeypatch):
    run, commands = guessed(MANY)
    priced, refresh = [], Pricing.refresh
    monkeypatch.setattr(Pricing, "refresh", lambda *given: (priced.append(run.at_s), refresh(*given))[1])
    long = []
    for at_s in range(1, MANY):
        (order,) = [command for command in commands if isinstance(command, c.Dispatch)]
        done = e.AttemptFinished(at_s=at_s, attempt=order.attempt, handoff=Handoff(output=1), seconds=1.0)
        if takes_long(done, run):
            long.append(at_s)
        commands = run.handle(done)

    assert 1 < len(priced) <= len(long) < MANY / 20
    assert set(priced) <= set(long)


def test_reports_of_a_small_guess_take_long_at_no_time():
    run, commands = guessed(10)
    (order,) = [command for command in commands if isinstance(command, c.Dispatch)]

    assert not takes_long(e.AttemptFinished(at_s=1, attempt=order.attempt, handoff=Handoff(), seconds=1.0), run)
