"""Limits of agents and providers: which attempts are admitted, when and in what order. In virtual time."""

import asyncio

import pytest
from rush import Rush, an_agent
from virtual_loop import in_virtual_time


def test_agents_of_one_provider_share_its_limits():
    async def scenario() -> None:
        rush = Rush(an_agent("a", provider="p"), an_agent("b", provider="p"), max_concurrent=2)
        await rush.come("1", "2", agent="a", seconds=None)
        await rush.come("3", agent="b", seconds=None)
        assert list(rush.entered) == ["1", "2"]
        await rush.leave("1")
        assert list(rush.entered) == ["1", "2", "3"]
        await rush.all_out()

    in_virtual_time(scenario())


def test_requests_are_spaced_evenly():
    async def scenario() -> None:
        rush = Rush(an_agent(provider="p"), requests_per_s=5)
        await rush.come(*"123")
        await rush.all_out()
        assert list(rush.entered.values()) == pytest.approx([0, 0.2, 0.4], abs=1e-3)

    in_virtual_time(scenario())


def test_tokens_come_in_bursts_of_a_second_and_hold_their_rate():
    """1000 tokens/s: two calls of 400 at once, then one each 400 ms."""

    async def scenario() -> None:
        rush = Rush(an_agent(provider="p", tokens_per_call=400), tokens_per_s=1000)
        await rush.come(*"12345")
        await rush.all_out()
        assert list(rush.entered.values()) == pytest.approx([0, 0, 0.2, 0.6, 1.0], abs=1e-3)

    in_virtual_time(scenario())


def test_a_call_that_needs_more_than_a_second_gives_delays_the_next_by_what_it_took():
    async def scenario() -> None:
        rush = Rush(an_agent(provider="p", tokens_per_call=3000), tokens_per_s=1000)
        await rush.come(*"123")
        await rush.all_out()
        assert list(rush.entered.values()) == pytest.approx([0, 3, 6], abs=1e-3)

    in_virtual_time(scenario())


def test_confirmed_attempts_go_before_speculative_ones_that_came_earlier():
    async def scenario() -> None:
        rush = Rush(an_agent(concurrency=1))
        await rush.come("running", seconds=None)
        await rush.come("guess 1", "guess 2", speculative=True)
        await rush.come("sure 1", "sure 2")
        await rush.all_out()
        assert list(rush.entered) == ["running", "sure 1", "sure 2", "guess 1", "guess 2"]

    in_virtual_time(scenario())


def test_an_attempt_confirmed_while_it_waits_moves_behind_the_confirmed_ones_that_wait():
    async def scenario() -> None:
        rush = Rush(an_agent(concurrency=1))
        await rush.come("running", seconds=None)
        await rush.come("guess 1", "guess 2", speculative=True)
        await rush.come("sure")
        rush.limits.confirm("guess 2")
        rush.limits.confirm("running")  # and one that waits for nothing stays where it is
        rush.limits.confirm("nobody")
        await rush.come("late")
        await rush.all_out()
        assert list(rush.entered) == ["running", "sure", "guess 2", "late", "guess 1"]

    in_virtual_time(scenario())


def test_an_attempt_flushed_while_it_waits_uses_nothing_of_the_limit():
    async def scenario() -> None:
        rush = Rush(an_agent(provider="p", concurrency=1), requests_per_s=1)
        await rush.come("first")
        await rush.come("flushed")
        await rush.come("next")
        await rush.flush("flushed")
        await rush.all_out()
        assert rush.entered == pytest.approx({"first": 0, "next": 1}, abs=1e-3)

    in_virtual_time(scenario())


def test_an_attempt_flushed_when_it_is_admitted_returns_everything():
    async def scenario() -> None:
        rush = Rush(an_agent(concurrency=1))
        await rush.come("running", seconds=None)
        await rush.come("flushed", "next")
        rush.tasks["running"].cancel()
        await asyncio.sleep(0)  # the room is given to the next in line, which has not run yet
        rush.tasks["flushed"].cancel()
        await rush.all_out()
        assert list(rush.entered) == ["running", "next"]

    in_virtual_time(scenario())


def test_two_attempts_flushed_at_once_let_the_third_start():
    async def scenario() -> None:
        rush = Rush(an_agent(concurrency=1))
        await rush.come("running", seconds=None)
        await rush.come("1", "2", "3", seconds=None)
        for attempt in ("running", "1", "2"):
            rush.tasks[attempt].cancel()
        await rush.settle()
        assert list(rush.entered) == ["running", "3"]
        await rush.come("4")
        await rush.all_out()
        assert list(rush.entered) == ["running", "3", "4"]

    in_virtual_time(scenario())


def test_an_agent_at_its_limit_does_not_block_other_agents_of_its_provider():
    async def scenario() -> None:
        agents = an_agent("a", provider="p", concurrency=1), an_agent("b", provider="p")
        rush = Rush(*agents, max_concurrent=2)
        await rush.come("1", "2", agent="a", seconds=None)
        await rush.come("3", agent="b", seconds=None)
        assert list(rush.entered) == ["1", "3"]
        await rush.all_out()

    in_virtual_time(scenario())


def test_a_guess_leaves_room_for_the_confirmed_whatever_they_wait_for():
    """One confirmed attempt waits for its agent: of three places of the provider it will need the third."""

    async def scenario() -> None:
        agents = an_agent("a", provider="p", concurrency=1), an_agent("b", provider="p")
        rush = Rush(*agents, max_concurrent=3)
        await rush.come("1", "2", agent="a", seconds=None)
        await rush.come("guess 1", "guess 2", agent="b", speculative=True, seconds=None)
        assert list(rush.entered) == ["1", "guess 1"]
        await rush.leave("1")
        assert list(rush.entered) == ["1", "guess 1", "2", "guess 2"]
        await rush.all_out()

    in_virtual_time(scenario())


def test_small_calls_do_not_overtake_a_large_one_forever():
    async def scenario() -> None:
        agents = an_agent("a", provider="p", tokens_per_call=900), an_agent("b", provider="p", tokens_per_call=200)
        rush = Rush(*agents, tokens_per_s=1000)
        await rush.come("small 1", agent="b")
        await rush.come("large", agent="a")
        await rush.come(*(f"small {number}" for number in range(2, 9)), agent="b")
        await rush.all_out()
        assert list(rush.entered)[:2] == ["small 1", "large"]
        assert rush.entered["large"] == pytest.approx(0.1, abs=1e-3)

    in_virtual_time(scenario())


def test_without_limits_no_attempt_waits():
    async def scenario() -> None:
        rush = Rush(an_agent())
        await rush.come(*"123", speculative=True, seconds=None)
        assert len(rush.entered) == 3
        await rush.all_out()

    in_virtual_time(scenario())
