"""A provider that says when to try again is left alone until then, by every agent that calls it."""

import asyncio
import pickle
from datetime import UTC, datetime

import pytest
from virtual_loop import in_virtual_time

from actors.admission.limits import AdmissionLimits
from actors.errors import ProviderBusy
from actors.failures import failure_of
from actors.kinds.retry_after import MOST_S, retry_after_s
from planners.agents import AgentSpec, Catalog, Provider
from reconciler.state.failure_policy import RetryLater, after_failure

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        (" 0 ", 0),
        ("Fri, 02 Jan 2026 03:05:05 GMT", 60),
        ("Fri, 02 Jan 2026 03:03:05 GMT", 0),
        ("999999999", MOST_S),
        ("soon", None),
        ("-1", None),
        ("", None),
        (None, None),
    ],
)
def test_the_header_is_seconds_or_a_date(header: str | None, seconds: float | None):
    assert retry_after_s(header, NOW) == seconds


def test_the_failure_uses_up_no_try_and_is_retried_when_the_provider_said():
    agent = AgentSpec(name="a", capability="c", retry={"max_attempts": 1, "backoff_s": 0.1})

    failure = failure_of(pickle.loads(pickle.dumps(ProviderBusy.until("429", "target", 7.0))))  # noqa: S301 - our own

    assert not failure.counts
    assert after_failure(agent, failure, 0, 100.0, others=False) == RetryLater(107.0)


def test_no_agent_of_the_provider_is_admitted_before_the_moment():
    agents = [AgentSpec(name=name, capability="c", provider="p") for name in "ab"]
    other = AgentSpec(name="other", capability="c", provider="q")
    catalog = Catalog(agents=(*agents, other), providers=(Provider(name="p"), Provider(name="q")))

    async def admitted_at() -> list[tuple[str, float]]:
        loop, limits = asyncio.get_running_loop(), AdmissionLimits(catalog)
        began_s, seen = loop.time(), list[tuple[str, float]]()

        async def call(agent: AgentSpec) -> None:
            async with limits.admission(agent, f"{agent.name}.1"):
                seen.append((agent.name, loop.time() - began_s))

        limits.cool_down("p", began_s + 5.0)
        await asyncio.gather(*map(call, (*agents, other)))
        return seen

    assert in_virtual_time(admitted_at()) == [("other", 0.0), ("a", 5.0), ("b", 5.0)]


def test_waiting_for_the_provider_is_said_in_words():
    agent = AgentSpec(name="a", capability="c", provider="p")

    async def told() -> str | None:
        limits = AdmissionLimits(Catalog(agents=(agent,), providers=(Provider(name="p"),)))
        now_s = asyncio.get_running_loop().time()
        limits.cool_down("p", now_s + 5.0)
        entering = asyncio.ensure_future(limits.admission(agent, "a.1").__aenter__())
        await asyncio.sleep(0)
        said = limits.told("a.1", now_s)
        entering.cancel()
        return said

    assert in_virtual_time(told()) == "provider p asked to wait"
