"""Remote agents over the Agent2Agent protocol, against one made with the protocol's SDK."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from a2a_agents import Remote, remote_agent
from invocations import invocation_of

from actors.catalog import parse_catalog
from actors.errors import InvalidCatalog
from actors.executor.execution import run_async, run_in_process
from actors.invocation import Ended, Invocation
from actors.logs.limits import LogLimits
from planners.agents import AgentSpec, Catalog, Effect


@pytest.fixture(scope="module")
def remote() -> Iterator[Remote]:
    with remote_agent() as agent:
        yield agent


def catalog(url: str, **fields: Any) -> Catalog:
    return parse_catalog({"a2a_agents": [{"name": "remote", "url": url, **fields}]})


def invocation(agent: AgentSpec, **inputs: Any) -> Invocation:
    return invocation_of(agent, inputs, idempotency_key="work-1")


@pytest.fixture(scope="module")
def shout(remote: Remote) -> AgentSpec:
    return catalog(remote.url).by_name["remote.shout"]


def ended(agent: AgentSpec, **inputs: Any) -> Ended:
    return run_in_process(invocation(agent, **inputs), ()).ended


def output(agent: AgentSpec, **inputs: Any) -> Any:
    end = ended(agent, **inputs)
    assert end.handoff is not None, end.failure
    return end.handoff.output


def test_the_skills_of_a_card_become_agents(remote: Remote):
    found = catalog(remote.url)

    assert [agent.name for agent in found.agents] == ["remote.shout", "remote.write"]
    shout = found.by_name["remote.shout"]
    assert (shout.description, shout.effect) == ("Says it loudly", Effect.IRREVERSIBLE)
    assert found.provider_by_name["a2a:remote"].max_concurrent == 1


def test_the_catalog_says_which_skills_and_what_they_do(remote: Remote):
    found = catalog(remote.url, skills={"write": {"effect": "idempotent", "capability": "write"}}, concurrency=3)

    (write,) = found.agents
    assert (write.effect, write.capability) == (Effect.IDEMPOTENT, "write")
    assert found.provider_by_name["a2a:remote"].max_concurrent == 3


def test_status_updates_and_artefacts_are_the_progress_of_the_attempt(shout: AgentSpec):
    end = run_in_process(replace(invocation(shout, text="report"), logs=LogLimits()), ()).ended

    assert end.handoff is not None, end.failure
    told = [line for batch in end.logs for line in batch.lines() if line.stream in ("progress", "artefact")]
    assert [(line.logger, line.text) for line in told] == [("", "half of it"), ("draft", "a draft")]


def test_one_text_is_sent_as_text_under_the_idempotency_key(remote: Remote, shout: AgentSpec):
    assert output(shout, text="hello") == "HELLO"

    assert remote.messages[-1]["messageId"] == "work-1"
    assert remote.messages[-1]["metadata"] == {"skill": "shout"}


def test_other_inputs_are_sent_and_received_as_data(shout: AgentSpec):
    assert output(shout, a=1.5, b=["x"]) == {"got": {"a": 1.5, "b": ["x"]}}


def test_an_artifact_may_arrive_in_pieces(shout: AgentSpec):
    assert output(shout, text="pieces") == "one\ntwo"


@pytest.mark.parametrize(("said", "shown"), [("fail", "failed: out of ink"), ("ask", "more input: which city?")])
def test_a_task_without_a_result_fails_with_what_the_agent_said(shout: AgentSpec, said: str, shown: str):
    failure = ended(shout, text=said).failure

    assert failure is not None
    assert shown in failure.message
    assert failure.fix


async def test_cancelling_an_attempt_cancels_the_remote_task(remote: Remote, shout: AgentSpec):
    running = asyncio.ensure_future(run_async(invocation(shout, text="wait"), ()))
    assert await asyncio.to_thread(remote.waits.wait, 30)

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert await asyncio.to_thread(remote.cancelled.wait, 30)


def test_a_card_that_sends_requests_elsewhere_is_refused():
    with remote_agent(elsewhere="http://127.0.0.2:9/rpc") as agent, pytest.raises(InvalidCatalog) as caught:
        catalog(agent.url)

    assert "127.0.0.2" in caught.value.message


def test_an_agent_that_has_gone_is_named():
    entry = {"name": "a", "capability": "c", "kind": "a2a", "target": "http://127.0.0.1:9"}
    (agent,) = parse_catalog({"agents": [entry]}).agents

    failure = ended(agent, text="x").failure

    assert failure is not None
    assert "http://127.0.0.1:9" in failure.message
    assert failure.fix


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"url": "http://127.0.0.1:9"}, "a2a_agents.0"),
        ({"url": "ftp://a.example"}, "a2a_agents.0.url"),
        ({}, "a2a_agents.0.url"),
        ({"url": "http://a.example", "skils": {}}, "a2a_agents.0.skils"),
    ],
)
def test_a_mistake_in_the_catalog_is_named_with_its_fix(entry: dict[str, Any], field: str):
    with pytest.raises(InvalidCatalog) as caught:
        parse_catalog({"a2a_agents": [{"name": "remote", **entry}]})

    assert caught.value.field == field
    assert caught.value.fix


def test_a_skill_that_the_agent_lacks_is_named_beside_those_it_has(remote: Remote):
    with pytest.raises(InvalidCatalog) as caught:
        catalog(remote.url, skills={"shuot": None})

    assert caught.value.field == "a2a_agents.0.skills.shuot"
    assert "shout" in caught.value.fix
