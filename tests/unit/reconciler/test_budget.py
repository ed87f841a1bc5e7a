"""The budget is looked at before each step starts, and the task's limits say what happens when it does not suffice."""

import pytest
from declared import CATALOG, Declared, a_task, step

from planners.agents import AgentKind, Catalog, Price
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import FailureKind, Handoff, Usage
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
        "step 's4' would cost $1.00, and $4.00 of the budget of $4.50 are spent or reserved"
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


def talking(count, *, declared=100.0, used=100, kind=CATALOG.agents[0].kind, after=(), **limits):
    """A fan of agents that use tokens; ``after``: the n-th step waits for these."""
    agents = [one.model_copy(update={"tokens_per_call": declared, "kind": kind}) for one in CATALOG.agents]
    steps = [step(f"s{n}", inputs={"n": n}, after=[f"s{n - 1}"] if after and n else []) for n in range(count)]
    spoken = Handoff(output="said", usage=Usage(input_tokens=used - 1, output_tokens=1))
    task = a_task(steps, mode="wait", **limits)
    return Declared(task, output=lambda *_: spoken, catalog=Catalog(agents=tuple(agents))).play()


def test_a_fan_out_cannot_walk_through_a_budget_of_tokens():
    world = talking(10, budget_tokens=450)

    assert world.run.status is RunStatus.FAILED
    assert world.run.end.failure.kind is FailureKind.LIMIT
    assert world.run.end.failure.message.startswith(
        "step 's4' would use 100 tokens, and 400 of the budget of 450 are spent or reserved"
    )
    assert "raise limits.budget_tokens" in world.run.end.failure.fix


def test_tokens_count_as_they_were_used_and_a_task_may_finish_with_what_they_paid_for():
    world = talking(10, declared=100.0, used=150, after=("before",), budget_tokens=450, on_budget="finish")

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.done == ["s0", "s1", "s2"]


def test_an_agent_that_declares_no_tokens_starts_while_some_are_left():
    world = talking(10, declared=0.0, used=150, kind=AgentKind.LLM, after=("x",), budget_tokens=200, on_budget="finish")

    assert world.done == ["s0", "s1"]
