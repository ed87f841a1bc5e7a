"""Handling one event costs the same at any size of the workflow. The cost is counted in bytecode instructions."""

import pytest
import worlds
from declared import Declared, a_task, step
from operations import operations

from planners.bindings import Value
from planners.model import StepId
from planners.plans import PlanKind
from planners.tasks import Limits, Mode
from planners.workflow import Step
from reconciler.gate import GatePolicy
from reconciler.state import events as e
from reconciler.state.conditions import Conditions
from reconciler.state.handoff import Handoff
from reconciler.state.run import RunState

FEW, MANY = 200, 2_000


class Unchecked(RunState):
    """Checking a run costs work in proportion to its size."""

    validates = False


def under_way(count, mode, limits):
    """A run of so many steps side by side, all of them dispatched: confirmed, or in mode forerun as guesses."""
    steps = [Step(id=StepId(f"s{n}"), capability="fetch", inputs={"k": Value(value=n)}) for n in range(count)]
    kind = PlanKind.SPECULATIVE if mode is Mode.FORERUN else PlanKind.OPTIMAL
    made = worlds.planned(steps, ["fetch-small"] * count, ["n1"] * count, kind)
    run = Unchecked("t", worlds.a_task(mode).model_copy(update={"limits": limits}), worlds.CATALOG)
    run.handle(e.RunStarted(at_s=0.0))
    if mode is Mode.FORERUN:
        boldly = Conditions(prior_plan_s=1e5, policy=GatePolicy(max_attempts=None, min_saved_s=0.0))
        run.handle(e.SpeculativePlanReady(at_s=0.1, plan=made, conditions=boldly))
    else:
        run.handle(e.OptimalPlanReady(at_s=0.1, plan=made))
    assert len(run.attempts) == count
    return run


def operations_of_20_ends(run):
    """Work of handling the end of 20 attempts, after that of a first one."""
    ends = [e.AttemptFinished(at_s=n, attempt=f"t.{n}", handoff=Handoff(), seconds=0.9) for n in range(1, 22)]
    run.handle(ends[0])
    return operations(lambda: [run.handle(end) for end in ends[1:]])


@pytest.mark.parametrize(
    ("mode", "limits"),
    [
        pytest.param(Mode.WAIT, Limits(), id="confirmed steps"),
        pytest.param(Mode.WAIT, Limits(budget_usd=1e6), id="confirmed steps with a budget"),
        pytest.param(Mode.FORERUN, Limits(), id="guesses"),
    ],
)
def test_the_work_of_an_event_does_not_grow_with_the_workflow(mode, limits):
    few, many = (operations_of_20_ends(under_way(count, mode, limits)) for count in (FEW, MANY))

    assert many < 2 * few


def test_ten_times_the_elements_of_a_for_each_in_a_for_each_cost_ten_times_as_much(monkeypatch):
    monkeypatch.setattr(RunState, "validates", False)

    def run(width):
        inner = {"id": "cells", "for_each": "$item", "steps": [step("cell", inputs={"n": "$item"})]}
        rows = {"id": "rows", "for_each": "$inputs.rows", "steps": [inner]}
        task = a_task([rows], {"rows": [list(range(width))] * 4}, mode=Mode.WAIT)
        world = Declared(task).play()
        assert world.run.finished == 4 * width

    few, many = (operations(lambda width=width: run(width)) for width in (10, 100))

    assert many < 11 * few
