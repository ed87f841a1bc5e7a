"""What becomes of the attempts of a host that has ended."""

import asyncio

import pytest

from actors.executor import hosts as hosts_module
from actors.executor.host import shares_a_host
from actors.executor.hosts import HostEnd, Hosts, Next, RunningHost, after_host_end
from orchestrator.local.virtual_loop import VirtualLoop
from planners.agents import AgentSpec
from planners.resources import Resources


@pytest.mark.parametrize(
    ("culprit", "blocked", "ended_hosts", "expected"),
    [
        ("me", False, 1, Next.ALONE),
        ("me", True, 1, Next.FAILED),
        ("other", False, 1, Next.IN_A_HOST),
        ("other", True, 1, Next.IN_A_HOST),
        ("other", False, 2, Next.ALONE),
        (None, False, 1, Next.ALONE),
        (None, True, 1, Next.ALONE),
    ],
)
def test_innocents_run_again_in_a_host_and_suspects_alone(culprit, blocked, ended_hosts, expected):
    assert after_host_end("me", HostEnd(culprit, blocked), ended_hosts) is expected


@pytest.mark.parametrize(
    ("fields", "shares"),
    [
        ({}, True),
        ({"effect": "stageable"}, True),
        ({"effect": "irreversible"}, False),
        ({"discloses": True}, False),
        ({"resources": Resources(cpus=0.1)}, False),
        ({"kind": "sync"}, False),
        ({"kind": "command"}, False),
    ],
)
def test_only_async_agents_that_may_run_twice_and_need_nothing_share_a_process(fields, shares):
    known = {"name": "a", "capability": "x", "kind": "async", "resources": Resources()}

    assert shares_a_host(AgentSpec.model_validate({**known, **fields})) is shares


def test_an_agent_that_has_its_own_process_does_not_start_at_once():
    known = {"name": "a", "capability": "x", "kind": "async", "resources": Resources()}

    assert AgentSpec.model_validate(known).starts_at_once
    assert not AgentSpec.model_validate({**known, "effect": "irreversible"}).starts_at_once


def released(*uses):
    """When a host that is released after 10 s without an attempt ends, given (begin, end) of attempts."""
    ended = []

    async def play():
        loop, hosts = asyncio.get_running_loop(), Hosts(1.0)
        host = RunningHost("n", "actor", None, None, on_idle=hosts.idle)
        hosts._ready["n"] = host
        hosts.release_after_s, hosts.on_release = 10.0, lambda _node: ended.append(loop.time())
        hosts.idle(host)

        async def attempt(begin_s, end_s):
            await asyncio.sleep(begin_s)
            with host.in_use():
                await asyncio.sleep(end_s - begin_s)

        await asyncio.gather(*(attempt(*use) for use in uses), asyncio.sleep(100))

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(play())
    return ended


def test_a_host_without_attempts_is_released_once_it_was_idle_for_long_enough(monkeypatch):
    monkeypatch.setattr(hosts_module, "kill", lambda _: None)

    assert released() == [pytest.approx(10.0)]
    assert released((5, 7)) == [pytest.approx(17.0)]
    assert released((0, 30), (35, 36), (36, 60)) == [pytest.approx(70.0)]
    assert released((0, 95)) == []
