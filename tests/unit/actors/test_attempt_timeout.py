"""Time limits behave as `asyncio.timeout`, whether or not they have a timer of their own yet."""

import asyncio

import pytest
from virtual_loop import in_virtual_time

from actors.executor.attempt_timeout import AttemptTimeout

LIMITS_S = (0.5, 1.5, 2.0, 600.0)


async def held(seconds, running):
    with AttemptTimeout(seconds):
        return await running


@pytest.mark.parametrize("limit_s", LIMITS_S)
def test_what_takes_too_long_is_cancelled_when_its_time_is_up(limit_s):
    async def scenario():
        loop, limit = asyncio.get_running_loop(), AttemptTimeout(limit_s)
        with pytest.raises(TimeoutError), limit:
            await asyncio.sleep(10 * limit_s)
        return loop.time(), limit.expired, asyncio.current_task().cancelling()

    at_s, expired, cancelling = in_virtual_time(scenario())

    assert at_s == pytest.approx(limit_s)
    assert expired
    assert not cancelling


@pytest.mark.parametrize("limit_s", [*LIMITS_S, None])
def test_what_ends_in_time_is_left_alone_and_leaves_no_timer(limit_s):
    async def scenario():
        loop = asyncio.get_running_loop()
        returned = await held(limit_s, asyncio.sleep(0.1, "done"))
        await asyncio.sleep(0)
        return returned, [timer for timer in loop._scheduled if not timer.cancelled()]

    assert in_virtual_time(scenario()) == ("done", [])


def test_many_limits_end_in_their_order():
    async def late(limit_s):
        with pytest.raises(TimeoutError):
            await held(limit_s, asyncio.Event().wait())
        return asyncio.get_running_loop().time()

    async def scenario():
        return await asyncio.gather(*map(late, (7.25, 600.0, 3.5, 0.25)))

    assert in_virtual_time(scenario()) == pytest.approx([7.25, 600.0, 3.5, 0.25])


def test_a_cancellation_from_outside_stays_one():
    async def scenario():
        running = asyncio.ensure_future(held(600.0, asyncio.Event().wait()))
        await asyncio.sleep(1.0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    in_virtual_time(scenario())


def test_what_ignores_the_end_of_its_time_goes_on():
    async def stubborn():
        try:
            await asyncio.sleep(1_000)
        except asyncio.CancelledError:
            return "anyway"

    assert in_virtual_time(held(600.0, stubborn())) == "anyway"
