"""The budget is looked at before each step starts, and the task's limits say what happens when it does not suffice."""

import pytest
from declared import CATALOG, Declared, a_task, step

from planners.agents import Catalog, Price
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import FailureKind
from reconciler.state.run import RunState

DOLLAR = Catalog(agents=tuple(agent.model_copy(update={"price": Price(usd_per_call=1.0)}) for agent in CATALOG.agents))


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


def fan(count, **limits):
    steps = [step(f"s{n}", inputs={"n": n}) for n in range(count)]
    return Declared(a_task(steps, mode="wait", **limits), catalog=DOLLAR).play()


def test_a_fan_out_cannot_walk_through_the_budget():
    world = fan(10, budget_usd=4.5)

    assert world.run.status is RunStatus.FAILED
    assert world.run.end.failure.kind is FailureKind.LIMIT
    assert world.run.end.failure.message.startswith(
        "step 's4' would cost $1.0000, and $4.0000 of the budget of $4.5000 are spent or reserved"
    )
    assert world.run.spent_usd <= 4.5


def test_a_budget_that_suffices_changes_nothing():
    world = fan(4, budget_usd=4.0)

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.run.spent_usd == 4.0


def test_a_task_may_finish_with_what_its_budget_paid_for():
    world = fan(10, budget_usd=4.5, on_budget="finish")

    assert world.run.status is RunStatus.SUCCEEDED
    assert sorted(world.outputs) == ["s0", "s1", "s2", "s3"]
    assert sorted(world.run.facts.given_up) == [f"s{n}" for n in range(4, 10)]
    assert world.run.spent_usd == 4.0


def test_what_reads_a_step_that_was_left_out_is_left_out_too():
    steps = [step("a"), step("b", inputs={"n": 1}), step("c", inputs={"both": ["$steps.a", "$steps.b"]})]

    world = Declared(a_task(steps, mode="wait", budget_usd=1.0, on_budget="finish"), catalog=DOLLAR).play()

    assert world.run.status is RunStatus.SUCCEEDED
    assert list(world.done) == ["a"]


def test_speculative_work_is_paid_from_its_own_allowance_and_the_task_still_ends():
    steps = [step(f"s{n}", inputs={"n": n}) for n in range(6)]

    world = Declared(a_task(steps, budget_usd=3.0, on_budget="finish"), catalog=DOLLAR).play()

    assert world.run.status is RunStatus.SUCCEEDED
