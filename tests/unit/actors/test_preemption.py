"""Confirmed attempts preempt speculative ones that hold the places they lack. In virtual time."""

import asyncio
from typing import Any

from rush import Rush, an_agent
from virtual_loop import in_virtual_time

from actors.executor.stub import StubExecutor
from planners.agents import AgentKind, AgentSpec, Catalog, Effect
from planners.model import AgentName, AttemptId, NodeId, StepId, TaskId, WorkKey
from planners.resources import Resources
from reconciler.state.commands import Dispatch, Given
from reconciler.state.events import AttemptFailed, AttemptStarted


class PreemptibleRush(Rush):
    """Attempts that end when they are preempted."""

    def __init__(self, *agents: AgentSpec, **provider: Any) -> None:
        super().__init__(*agents, **provider)
        self.preempted: list[str] = []

    async def _stay(self, attempt: str, agent: AgentSpec, seconds: float | None, *, speculative: bool) -> None:
        leave = self._leave[attempt] = asyncio.Event()

        def preempt() -> None:
            self.preempted.append(attempt)
            self.tasks[attempt].cancel()

        async with self.limits.admission(agent, attempt, speculative=speculative, preempt=preempt):
            self.entered[attempt] = asyncio.get_running_loop().time()
            await (leave.wait() if seconds is None else asyncio.sleep(seconds))


def test_a_confirmed_attempt_takes_the_place_of_the_newest_speculative_one():
    async def scenario() -> None:
        rush = PreemptibleRush(an_agent(concurrency=2))
        await rush.come("old", "new", speculative=True, seconds=None)
        await rush.come("confirmed", seconds=None)

        assert rush.preempted == ["new"]
        assert rush.entered["confirmed"] == 0.0
        await rush.all_out()

    in_virtual_time(scenario())


def test_only_as_many_are_preempted_as_are_needed():
    async def scenario() -> None:
        rush = PreemptibleRush(an_agent(concurrency=3))
        await rush.come("a", "b", "c", speculative=True, seconds=None)
        await rush.come("one", "two", seconds=None)

        assert rush.preempted == ["c", "b"]
        await rush.all_out()

    in_virtual_time(scenario())


def test_what_was_confirmed_meanwhile_is_not_preempted_and_neither_is_confirmed_work():
    async def scenario() -> None:
        rush = PreemptibleRush(an_agent(concurrency=2))
        await rush.come("guess", speculative=True, seconds=None)
        await rush.come("work", seconds=None)
        rush.limits.confirm("guess")
        await rush.come("more", seconds=None)

        assert rush.preempted == []
        assert "more" not in rush.entered
        await rush.all_out()

    in_virtual_time(scenario())


def test_a_speculative_attempt_preempts_nobody():
    async def scenario() -> None:
        rush = PreemptibleRush(an_agent(concurrency=1))
        await rush.come("first", "second", speculative=True, seconds=None)

        assert rush.preempted == []
        await rush.all_out()

    in_virtual_time(scenario())


def test_agents_of_one_provider_share_its_places_and_a_rate_preempts_nobody():
    async def scenario() -> None:
        small, large = an_agent("small", provider="p"), an_agent("large", provider="p")
        places = PreemptibleRush(small, large, max_concurrent=1)
        await places.come("guess", agent="small", speculative=True, seconds=None)
        await places.come("work", agent="large", seconds=None)
        rate = PreemptibleRush(small, large, requests_per_s=1.0)
        await rate.come("guess", agent="small", speculative=True, seconds=None)
        await rate.come("work", agent="large", seconds=None)

        assert (places.preempted, rate.preempted) == (["guess"], [])
        await places.all_out()
        await rate.all_out()

    in_virtual_time(scenario())


def test_a_preempted_attempt_gives_its_place_back_once():
    async def scenario() -> None:
        rush = PreemptibleRush(an_agent(concurrency=1))
        await rush.come("guess", speculative=True, seconds=None)
        await rush.come("one", seconds=1.0)
        await rush.come("two", seconds=1.0)
        await asyncio.gather(*rush.tasks.values(), return_exceptions=True)

        assert rush.entered == {"guess": 0.0, "one": 0.0, "two": 1.0}

    in_virtual_time(scenario())


def test_a_guess_that_is_flushed_as_it_is_admitted_is_not_preempted_in_place_of_another():
    async def scenario() -> None:
        rush = PreemptibleRush(an_agent(concurrency=2))
        await rush.come("guess", speculative=True, seconds=None)
        await rush.come("first", seconds=None)
        await rush.come("flushed", speculative=True, seconds=None)
        leaving = asyncio.ensure_future(rush.leave("first"))
        while rush.limits.told("flushed", 0.0) is not None:  # noqa: ASYNC110 -- turn by turn
            await asyncio.sleep(0)
        rush.tasks["flushed"].cancel()
        await leaving
        assert "flushed" not in rush.entered
        await rush.come("work", "more", seconds=None)

        assert rush.preempted == ["guess"]
        assert "more" in rush.entered
        await rush.all_out()

    in_virtual_time(scenario())


def test_a_guess_that_is_preempted_as_it_is_admitted_gives_its_place_back_once():
    async def scenario() -> None:
        rush, go = PreemptibleRush(an_agent(concurrency=1)), asyncio.Event()

        async def two_in_one_turn() -> None:
            async with rush.limits.admission(rush.agents["a"], "first"):
                await go.wait()
            async with rush.limits.admission(rush.agents["a"], "work"):
                pass

        following = asyncio.ensure_future(two_in_one_turn())
        await rush.settle()
        await rush.come("preempted", speculative=True, seconds=None)
        go.set()
        await following
        assert "preempted" not in rush.entered
        await rush.come("guess", speculative=True, seconds=None)
        await rush.come("more", seconds=None)

        assert rush.preempted == ["preempted", "guess"]
        assert "more" in rush.entered
        await rush.all_out()

    in_virtual_time(scenario())


def test_an_executor_ends_a_preempted_guess_with_a_failure_that_counts_against_nobody():
    async def scenario() -> None:
        agent = an_agent(kind=AgentKind.ASYNC, target="sample_agents:add", concurrency=1, resources=Resources())
        executor, reports = StubExecutor(Catalog(agents=(agent,))), list[Any]()
        executor.hold("a")
        executor.dispatch(TaskId("t"), an_order("t.1", speculative=True), reports.append)
        await Rush.settle()
        executor.dispatch(TaskId("u"), an_order("u.1"), reports.append)
        await Rush.settle()

        begun = [report.attempt for report in reports if isinstance(report, AttemptStarted)]
        (failed,) = [report for report in reports if isinstance(report, AttemptFailed)]
        assert begun == ["t.1", "u.1"]
        assert (failed.attempt, failed.failure.counts) == ("t.1", False)
        assert executor.cancelled == ["t.1"]
        executor.release(TaskId("u"))

    in_virtual_time(scenario())


def an_order(attempt: str, *, speculative: bool = False) -> Dispatch:
    return Dispatch(
        attempt=AttemptId(attempt),
        step=StepId("s"),
        agent=AgentName("a"),
        node=NodeId("n"),
        inputs={"a": Given(value=1)},
        epoch=1,
        effect=Effect.PURE,
        work_key=WorkKey(attempt),
        speculative=speculative,
    )
