"""Several shards share the limits of a provider through one actor, which may die."""

import asyncio
from typing import Any

import pytest
import ray
from attempts import until

from actors.executor.central_limits import CentralLimits, create_limits
from planners.agents import AgentSpec, Catalog, Provider

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("cluster")]
GUARD_S = 60.0
AGENT = AgentSpec(name="a", capability="c", provider="p")
CATALOG = Catalog(agents=(AGENT,), providers=(Provider(name="p", max_concurrent=2),))


async def test_two_shards_together_never_exceed_the_limit_though_its_actor_is_killed():
    actor = create_limits(CATALOG, "limits-of-a-test", seats=2)
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
    actor = create_limits(CATALOG, "limits-of-another-test", seats=1)
    dead, heir = CentralLimits(CATALOG, actor, 0), CentralLimits(CATALOG, actor, 0)
    held = [dead.admission(AGENT, str(number)) for number in range(2)]
    for each in held:
        await each.__aenter__()

    async with asyncio.timeout(60), heir.admission(AGENT, "heir"):
        pass
    ray.kill(actor)


async def test_a_restarted_shard_frees_what_its_former_process_held_though_it_asks_for_nothing():
    actor = create_limits(CATALOG, "limits-of-a-third-test", seats=2)
    dead, other = CentralLimits(CATALOG, actor, 0), CentralLimits(CATALOG, actor, 1)
    for number in range(2):
        await dead.admission(AGENT, str(number)).__aenter__()

    CentralLimits(CATALOG, actor, 0).join()
    async with asyncio.timeout(GUARD_S), other.admission(AGENT, "other"):
        pass
    ray.kill(actor)


@pytest.mark.parametrize("seat", [0, 1])
async def test_the_limit_holds_though_nobody_waited_when_its_actor_was_killed(seat: int):
    """Whoever asks next, the shard that holds all there is or the other one: it has to wait."""
    actor = create_limits(CATALOG, f"limits-killed-at-rest-{seat}", seats=2)
    shards = [CentralLimits(CATALOG, actor, number) for number in range(2)]
    held = [shards[0].admission(AGENT, str(number)) for number in range(2)]
    for each in held:
        await each.__aenter__()
    inside, most = 2, 2

    async def enters() -> None:
        nonlocal inside, most
        async with shards[seat].admission(AGENT, "next"):
            inside += 1
            most = max(most, inside)

    ray.kill(actor, no_restart=False)
    await until(lambda: _answers(actor))
    entering = asyncio.ensure_future(enters())
    await until(lambda: most > 2 or "at once" in (shards[seat].told("next", 0.0) or ""))
    for each in held:
        inside -= 1
        await each.__aexit__(None, None, None)
    await asyncio.wait_for(entering, GUARD_S)
    ray.kill(actor)

    assert most == 2


def _answers(actor: Any) -> bool:
    try:
        ray.get(actor.told.remote("nobody"), timeout=1.0)
    except (ray.exceptions.RayActorError, TimeoutError):
        return False
    return True
