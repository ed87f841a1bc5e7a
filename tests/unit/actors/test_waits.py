"""Why a dispatched attempt has not begun, in words."""

import asyncio

import pytest

from actors.admission.capacity import Semaphore, TokenBucket
from actors.admission.limits import AdmissionLimits
from actors.executor.readings import Held
from actors.executor.waits import in_use, resource_wait
from planners.agents import AgentSpec, Catalog, Provider
from planners.cluster import ClusterNode
from planners.model import AttemptId, NodeId
from planners.resources import Resources
from reconciler.state.waiting import WaitKind

TWO = ClusterNode(
    id=NodeId("node-with-a-long-id"),
    node_class="small",
    total=Resources(cpus=2, memory_bytes=8 << 30, custom={"scope": 1}),
)


def told(needs: Resources, used: Resources) -> str:
    return resource_wait(TWO.id, needs, TWO, used).message


def test_a_lack_of_resources_is_told_with_what_is_in_use():
    one, all_ = Resources(cpus=1), Resources(cpus=2, memory_bytes=6 << 30, custom={"scope": 1})

    assert told(one, all_) == "waiting for 1 CPU on node node-with-a-: 2 of 2 in use"
    assert told(Resources(cpus=2), one) == "waiting for 2 CPUs on node node-with-a-: 1 of 2 in use"
    assert told(Resources(memory_bytes=4 << 30), all_) == (
        "waiting for 4.0 GiB of memory on node node-with-a-: 6.0 of 8.0 in use"
    )
    assert told(Resources(custom={"scope": 1}), all_) == "waiting for 1 scope on node node-with-a-: 1 of 1 in use"


def test_what_has_room_starts_and_a_missing_node_is_told():
    assert told(Resources(cpus=1), Resources(cpus=1)) == "starting on node node-with-a-"
    assert "which is not there" in resource_wait(NodeId("gone"), Resources(), None, Resources()).message


def test_in_use_is_what_ray_counts_and_at_least_what_is_held_here():
    held = Held(running=Resources(cpus=1))

    assert in_use(held, TWO, Resources(cpus=0, memory_bytes=8 << 30, custom={"scope": 1})) == Resources(
        cpus=2, custom={"scope": 0}
    )
    assert in_use(held, TWO, TWO.total).cpus == 1
    assert in_use(held, TWO, None).cpus == 1
    assert in_use(None, None, None) == Resources()


@pytest.mark.parametrize(
    ("rate_per_s", "text"),
    [(1.0, "provider p at 60 of 60 requests a minute"), (5.0, "provider p at 5 of 5 requests a second")],
)
def test_a_rate_is_told_per_minute_or_per_second(rate_per_s: float, text: str):
    assert TokenBucket(rate_per_s, 1.0, "provider p").told() == text


def test_a_semaphore_tells_how_much_of_it_is_in_use():
    semaphore = Semaphore(8, "provider p")
    semaphore.take(8.0, 0.0)

    assert semaphore.told() == "provider p at 8 of 8 at once"


async def test_a_queued_attempt_tells_which_limit_it_waits_for():
    agent = AgentSpec(name="writer", capability="write", provider="p", concurrency=3)
    provider = Provider(name="p", max_concurrent=1)
    limits = AdmissionLimits(Catalog(agents=(agent,), providers=(provider,)))
    loop = asyncio.get_running_loop()

    async with limits.admission(agent, AttemptId("t.1")):
        waiting = asyncio.create_task(limits.admission(agent, AttemptId("t.2")).__aenter__())
        await asyncio.sleep(0)

        assert limits.told(AttemptId("t.2"), loop.time()) == "provider p at 1 of 1 at once"
        assert limits.told(AttemptId("t.1"), loop.time()) is None
    await waiting
    assert limits.told(AttemptId("t.2"), loop.time()) is None


def test_the_kinds_of_waits_are_told_apart():
    assert resource_wait(TWO.id, Resources(cpus=1), TWO, Resources(cpus=2)).kind is WaitKind.ROOM
