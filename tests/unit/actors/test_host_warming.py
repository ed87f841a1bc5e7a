"""Hosts of likely steps start before an attempt needs them, and only those that take nothing from anybody."""

import asyncio

import pytest
from runs import chain, guess

from actors.executor.host_warming import HostWarming
from planners.agents import AgentSpec, Catalog
from planners.resources import Resources


def agent(**fields) -> AgentSpec:
    known = {"name": "solve-small", "capability": "solve", "kind": "async", "resources": Resources()}
    return AgentSpec.model_validate({**known, **fields})


async def warmed(spec: AgentSpec, probability: float = 0.5) -> list[str]:
    """The nodes whose hosts are started for a guess at one step of an agent."""
    nodes: list[str] = []

    async def prepare(asked):
        nodes.extend(asked)

    plan = guess(chain("solve"))
    plan = plan.model_copy(update={"steps": (plan.steps[0].model_copy(update={"probability": probability}),)})
    HostWarming(prepare, lambda: Catalog(agents=(spec,))).expect(plan)
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
    return nodes


async def test_the_host_of_a_likely_step_is_started():
    assert await warmed(agent()) == ["n1"]


async def test_a_step_that_is_hardly_likely_starts_nothing():
    assert await warmed(agent(), probability=0.01) == []


@pytest.mark.parametrize(
    "fields", [{"kind": "sync"}, {"kind": "batch"}, {"resources": Resources(gpus=1)}, {"effect": "irreversible"}]
)
async def test_agents_that_run_elsewhere_or_hold_something_start_nothing(fields):
    assert await warmed(agent(**fields)) == []


async def test_a_host_that_does_not_start_is_told_in_the_log(caplog):
    async def prepare(_nodes):
        raise RuntimeError("no room")

    warming = HostWarming(prepare, lambda: Catalog(agents=(agent(),)))
    for _ in range(2):  # the next guess tries again
        warming.expect(guess(chain("solve")))
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))

    assert [record.message for record in caplog.records] == ["hosts could not be started ahead of attempts"] * 2
