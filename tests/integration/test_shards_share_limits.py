"""Several shards share the limits of a provider through one actor, which may die."""

import asyncio

import pytest
import ray
from attempts import until

from actors.executor.central_limits import CentralLimits, create_limits
from planners.agents import AgentSpec, Catalog, Provider

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("cluster")]
AGENT = AgentSpec(name="a", capability="c", provider="p")
CATALOG = Catalog(agents=(AGENT,), providers=(Provider(name="p", max_concurrent=2),))


async def test_two_shards_together_never_exceed_the_limit_though_its_actor_is_killed():
    actor = create_limits(CATALOG, "limits-of-a-test")
    shards = [CentralLimits(CATALOG, actor, seat) for seat in range(2)]
    inside, most, go_on = set[str](), 0, asyncio.Event()

    async def call(shard: int, number: int) -> None:
        nonlocal most
        attempt = f"{shard}.{number}"
        async with shards[shard].admission(AGENT, attempt):
            inside.add(attempt)
            most = max(most, len(inside))
            await go_on.wait()
            inside.discard(attempt)

    calls = [asyncio.ensure_future(call(shard, number)) for number in range(5) for shard in range(2)]
    await until(lambda: len(inside) == 2)
    ray.kill(actor, no_restart=False)
    calls.append(asyncio.ensure_future(call(0, 99)))
    await until(lambda: shards[0].told("0.99", 0.0) is not None)
    go_on.set()
    await asyncio.wait_for(asyncio.gather(*calls), 90)

    assert most == 2
    assert not inside


async def test_a_shard_that_takes_a_dead_ones_seat_frees_what_that_held():
    actor = create_limits(CATALOG, "limits-of-another-test")
    dead, heir = CentralLimits(CATALOG, actor, 0), CentralLimits(CATALOG, actor, 0)
    held = [dead.admission(AGENT, str(number)) for number in range(2)]
    for each in held:
        await each.__aenter__()

    async with asyncio.timeout(60), heir.admission(AGENT, "heir"):
        pass
    ray.kill(actor)
