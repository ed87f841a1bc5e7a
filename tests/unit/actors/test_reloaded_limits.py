"""After a reload attempts that wait go on waiting where they are, and later ones keep to the new limits."""

import asyncio

from actors.admission.limits import AdmissionLimits
from actors.admission.shared_limits import SharedLimits
from planners.agents import AgentSpec, Catalog, Provider


def catalog(*, at_once: int, version: str = "1", **more: AgentSpec) -> Catalog:
    agents = (AgentSpec(name="a", capability="c", provider="p", version=version), *more.values())
    return Catalog(agents=agents, providers=(Provider(name="p", max_concurrent=at_once),))


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_limits_that_do_not_change_are_shared_by_old_and_new_attempts():
    limits = AdmissionLimits(catalog(at_once=1))

    assert limits.reloaded(catalog(at_once=1, version="2")) is limits
    assert limits.reloaded(catalog(at_once=2)) is not limits


async def test_a_waiting_attempt_is_confirmed_and_admitted_under_its_former_limits():
    shared = SharedLimits(catalog(at_once=1))
    assert await shared.enter("m", "a", "running", speculative=False)
    waiting = asyncio.ensure_future(shared.enter("m", "a", "waiting", speculative=True))
    await settle()

    shared.reload(catalog(at_once=3))
    shared.confirm("waiting")
    later = await asyncio.wait_for(shared.enter("m", "a", "later", speculative=False), 5)
    await settle()
    assert later
    assert not waiting.done()

    await shared.leave("m", ["running"])
    assert await asyncio.wait_for(waiting, 5)


async def test_an_agent_that_a_reload_adds_is_admitted():
    shared = SharedLimits(catalog(at_once=1))

    shared.reload(catalog(at_once=1, new=AgentSpec(name="new", capability="c", concurrency=1)))

    assert await shared.enter("m", "new", "first", speculative=False)
    second = asyncio.ensure_future(shared.enter("m", "new", "second", speculative=False))
    await settle()
    assert not second.done()
    await shared.leave("m", ["first"])
    assert await asyncio.wait_for(second, 5)
