"""Calls that wait at the same time are given to a callable together."""

import asyncio
from typing import Any

import batching_agents
import pytest
from invocations import invocation_of
from virtual_loop import in_virtual_time

from actors.catalog import parse_catalog
from actors.errors import InvalidCatalog
from actors.executor.execution import run_async
from actors.invocation import Invocation
from actors.kinds.batches import Batches
from planners.agents import AgentSpec
from planners.resources import Resources
from reconciler.state.handoff import Failure, FailureKind


def declared(target: str, **settings: Any) -> AgentSpec:
    fields = {key: settings.pop(key) for key in ("resources", "concurrency") if key in settings}
    entry = {"name": target, "capability": "c", "kind": "batch", "target": f"batching_agents:{target}"}
    return parse_catalog({"agents": [{**entry, "settings": settings, **fields}]}).agents[0]


def invocation(agent: AgentSpec, inputs: dict[str, Any]) -> Invocation:
    return invocation_of(agent, inputs)


def results(agent: AgentSpec, *inputs: dict[str, Any]) -> tuple[list[Any], float]:
    """The results of calls that begin together, and the virtual seconds until the last of them."""

    async def all_of_them() -> tuple[list[Any], float]:
        found = await asyncio.gather(*(run_async(invocation(agent, one), ()) for one in inputs))
        ends = [result.ended for result in found]
        returned = [end.failure if end.handoff is None else end.handoff.output for end in ends]
        return returned, asyncio.get_running_loop().time()

    return in_virtual_time(all_of_them())


def test_a_thousand_waiting_calls_are_more_than_fifteen_times_as_fast_as_one_by_one():
    calls = [{"number": number} for number in range(1000)]

    together, batched_s = results(declared("doubled", max_batch=32), *calls)
    one_by_one, single_s = results(declared("doubled", max_batch=1), *calls)

    assert together == one_by_one == [2 * number for number in range(1000)]
    assert single_s == pytest.approx(1000 * batching_agents.BATCH_S)
    assert single_s / batched_s >= 15


def test_each_call_gives_one_value_of_each_parameter_and_a_class_is_made_once():
    agent = declared("Model", max_batch=8)

    found, _ = results(agent, *({"point": {"x": number}, "label": f"n{number}"} for number in range(3)))
    again, _ = results(agent, {"point": {"x": 1, "y": 1}, "label": "last"})

    assert [one["sum"] for one in found] == [0, 1, 2]
    assert [one["label"] for one in found] == ["n0", "n1", "n2"]
    assert {one["made"] for one in [*found, *again]} == {1}
    assert agent.input_schema is not None
    assert agent.input_schema["required"] == ["point", "label"]


def test_a_wrong_call_fails_alone():
    found, _ = results(declared("picky"), *({"number": number} for number in (1, 0, 2)))

    assert found[0] == 1.0
    assert found[2] == 0.5
    assert isinstance(found[1], Failure)
    assert "division by zero" in found[1].message


def test_an_exception_among_the_results_is_the_failure_of_its_call():
    found, _ = results(declared("reports_failures"), {"number": 1}, {"number": -1})

    assert found[0] == 1
    assert isinstance(found[1], Failure)
    assert "not -1" in found[1].message


def test_too_few_results_are_refused():
    (failure,), _ = results(declared("loses_some"), {"number": 1})

    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.BAD_OUTPUT
    assert "a batch of 1 calls returned 0" in failure.message


def test_wrong_inputs_are_refused_before_they_reach_a_batch():
    found, _ = results(declared("doubled"), {"number": "x"}, {"number": 2})

    assert isinstance(found[0], Failure)
    assert found[0].kind is FailureKind.BAD_INPUT
    assert found[1] == 4


def test_a_lone_call_waits_no_longer_than_it_may():
    _, seconds = results(declared("doubled", max_wait_ms=500), {"number": 1})

    assert seconds == pytest.approx(0.5 + batching_agents.BATCH_S)


def test_a_cancelled_call_leaves_the_queue():
    async def scenario() -> dict[int, int]:
        batches = Batches(batching_agents.doubled, 4, 1.0)
        calls = [asyncio.ensure_future(batches.result({"number": number})) for number in range(3)]
        await asyncio.sleep(0.1)
        calls[1].cancel()
        await asyncio.wait(calls)
        return batches.sizes

    assert in_virtual_time(scenario()) == {2: 1}


def test_work_that_stalls_ends_with_the_last_call_of_its_batch_and_later_calls_are_answered():
    cancelled: list[list[str]] = []

    async def stalls(text: list[str]) -> list[str]:
        try:
            await asyncio.sleep(3600 if "stall" in text else 1)
        except asyncio.CancelledError:
            cancelled.append(text)
            raise
        return text

    async def play() -> tuple[str, float]:
        batches = Batches(stalls, 2, 0.1)
        stalled = [asyncio.create_task(batches.result({"text": text})) for text in ("stall", "also")]
        await asyncio.sleep(5)
        later = asyncio.create_task(batches.result({"text": "later"}))
        stalled[0].cancel()
        await asyncio.sleep(5)
        assert not cancelled, "the other call still waits"
        stalled[1].cancel()
        return await later, asyncio.get_running_loop().time()

    answer, at_s = in_virtual_time(play())

    assert (answer, cancelled) == ("later", [["stall", "also"]])
    assert at_s == pytest.approx(11, abs=0.2)


def test_a_sync_callable_has_one_thread_of_its_own():
    found, _ = results(declared("of_thread"), *({"number": number} for number in range(5)))

    assert len(set(found)) == 1
    assert found[0].startswith("batches")


def test_an_attempt_counts_as_its_share_of_the_process():
    agent = declared("where", max_batch=10, resources={"gpus": 0.5, "cpus": 1})

    assert agent.resources == Resources(cpus=0.1, gpus=0.05)
    again = parse_catalog({"agents": [agent.model_dump(mode="json", exclude_defaults=True)]}).agents[0]
    assert again.resources == agent.resources


@pytest.mark.parametrize(
    ("target", "told"), [("Uncallable", "is a class without __call__"), ("Sized", "cannot be made without size")]
)
def test_a_class_that_cannot_work_on_batches_is_refused_with_the_reason(target: str, told: str):
    with pytest.raises(InvalidCatalog, match=told):
        declared(target)


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"target": "batching_agents:not_lists"}, "target"),
        ({"target": "batching_agents:nothing"}, "target"),
        ({"effect": "irreversible"}, "effect"),
        ({"settings": {"max_batch": 0}}, "settings.max_batch"),
        ({"resources": {"gpu": 1}}, "resources.gpu"),
    ],
)
def test_a_mistake_in_the_catalog_is_named_with_its_fix(entry: dict[str, Any], field: str):
    known = {"name": "a", "capability": "c", "kind": "batch", "target": "batching_agents:doubled"}

    with pytest.raises(InvalidCatalog) as caught:
        parse_catalog({"agents": [{**known, **entry}]})

    assert caught.value.field == f"agents.0.{field}"
    assert caught.value.fix
