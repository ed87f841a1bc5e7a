"""What becomes of the attempts of a host that has ended."""

import pytest

from actors.executor.host import shares_a_host
from actors.executor.hosts import HostEnd, Next, after_host_end
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
