"""Limits that several executors share: never exceeded in any window, hardly ever idle, and freed when one dies."""

import asyncio
from collections import Counter

import pytest
from virtual_loop import in_virtual_time

from actors.admission.shared_limits import SharedLimits
from planners.agents import AgentSpec, Catalog, Provider

AGENT = AgentSpec(name="a", capability="c", provider="p", tokens_per_call=10)


def limits(**provider: float) -> SharedLimits:
    return SharedLimits(Catalog(agents=(AGENT,), providers=(Provider(name="p", **provider),)))


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("limit", "calls_per_s"),
    [({"requests_per_s": 5.0}, 5), ({"tokens_per_s": 50.0}, 5), ({"max_concurrent": 5}, 5)],
)
def test_four_members_with_uneven_load_use_the_whole_limit_and_no_more(limit: dict[str, float], calls_per_s: int):
    async def scenario() -> list[float]:
        shared, loop, began = limits(**limit), asyncio.get_running_loop(), list[float]()

        async def call(member: str, number: int) -> None:
            attempt = f"{member}.{number}"
            assert await shared.enter(member, "a", attempt, speculative=False)
            began.append(loop.time())
            await asyncio.sleep(1.0)
            await shared.leave(member, [attempt])

        calls = {"busy": 185, "calm": 10, "idle": 5, "gone": 0}
        await asyncio.gather(*(call(member, number) for member, count in calls.items() for number in range(count)))
        return began

    began = in_virtual_time(scenario())
    burst = calls_per_s if "tokens_per_s" in limit else 0  # tokens may come in bursts of one second's worth
    for index, first_s in enumerate(began):
        window = [at_s for at_s in began[index:] if at_s < first_s + 10 - 1e-6]
        assert len(window) <= 10 * calls_per_s + burst
    assert len(began) / (began[-1] - began[0] + 1) >= 0.9 * calls_per_s


def test_a_member_that_left_while_it_waited_is_not_admitted_and_holds_nothing():
    async def scenario() -> None:
        shared = limits(max_concurrent=1)
        assert await shared.enter("one", "a", "1", speculative=False)
        waiting = asyncio.ensure_future(shared.enter("two", "a", "2", speculative=False))
        await settle()
        await shared.leave("two", ["2"])
        assert await waiting is False
        await shared.leave("one", ["1"])
        assert await shared.enter("one", "a", "3", speculative=False)

    in_virtual_time(scenario())


@pytest.mark.parametrize("turns", range(6))
def test_an_attempt_that_leaves_while_it_is_being_admitted_holds_nothing(turns: int):
    """Whoever flushes it does not know that its place has just become free."""

    async def scenario() -> None:
        shared = limits(max_concurrent=1)
        assert await shared.enter("one", "a", "1", speculative=False)
        entering = asyncio.ensure_future(shared.enter("two", "a", "2", speculative=False))
        await settle()
        await shared.leave("one", ["1"])
        for _ in range(turns):
            await asyncio.sleep(0)
        await shared.leave("two", ["2"])
        await entering
        assert await asyncio.wait_for(shared.enter("one", "a", "3", speculative=False), 1.0)

    in_virtual_time(scenario())


def test_an_attempt_that_asks_twice_holds_one_place():
    """After a lost answer a member asks again, and the first question may still wait."""

    async def scenario() -> None:
        shared = limits(max_concurrent=1)
        assert await shared.enter("one", "a", "1", speculative=False)
        asked = [asyncio.ensure_future(shared.enter("two", "a", "2", speculative=False)) for _ in range(2)]
        await settle()
        await shared.leave("one", ["1"])
        assert await asyncio.wait_for(asyncio.gather(*asked), 1.0) == [True, True]
        assert await asyncio.wait_for(shared.enter("two", "a", "2", speculative=False), 1.0)
        await shared.leave("two", ["2"])
        assert await asyncio.wait_for(shared.enter("one", "a", "3", speculative=False), 1.0)

    in_virtual_time(scenario())


def test_what_a_dead_member_held_is_free_again():
    async def scenario() -> None:
        shared = limits(max_concurrent=1)
        assert await shared.enter("dead", "a", "1", speculative=False)
        waiting = asyncio.ensure_future(shared.enter("alive", "a", "2", speculative=False))
        await settle()
        assert not waiting.done()
        await shared.forget("dead")
        assert await waiting

    in_virtual_time(scenario())


def test_limits_that_start_anew_count_what_the_members_still_hold():
    async def scenario() -> None:
        anew = limits(max_concurrent=2)
        await anew.hold("one", [("a", "1"), ("a", "2")])
        waiting = asyncio.ensure_future(anew.enter("two", "a", "3", speculative=False))
        await settle()
        assert not waiting.done()
        assert anew.told("two") == {"3": "provider p at 2 of 2 at once"}
        await anew.leave("one", ["1"])
        assert await waiting

    in_virtual_time(scenario())


def test_confirmed_attempts_of_one_member_go_before_guesses_of_another():
    async def scenario() -> list[str]:
        shared, order = limits(max_concurrent=1), list[str]()

        async def call(member: str, *, speculative: bool) -> None:
            assert await shared.enter(member, "a", member, speculative=speculative)
            order.append(member)
            await shared.leave(member, [member])

        assert await shared.enter("first", "a", "first", speculative=False)
        calls = [asyncio.ensure_future(call("guess", speculative=True))]
        await settle()
        calls.append(asyncio.ensure_future(call("confirmed", speculative=False)))
        await settle()
        await shared.leave("first", ["first"])
        await asyncio.gather(*calls)
        return order

    assert in_virtual_time(scenario()) == ["confirmed", "guess"]


def test_a_busy_provider_is_left_alone_by_all_members():
    async def scenario() -> Counter[float]:
        shared, loop = limits(), asyncio.get_running_loop()
        began_s, seen = loop.time(), Counter[float]()
        shared.cool_down("p", 5.0)

        async def call(member: str) -> None:
            assert await shared.enter(member, "a", member, speculative=False)
            seen[loop.time() - began_s] += 1

        await asyncio.gather(*map(call, "abcd"))
        return seen

    assert in_virtual_time(scenario()) == {5.0: 4}
