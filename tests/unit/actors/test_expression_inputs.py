"""Inputs that are expressions: quick ones are evaluated when they are bound, the others where the attempt runs."""

import json
import pickle

import pytest

from actors.agent import agent
from actors.errors import BadInput
from actors.executor.execution import run_in_process
from actors.invocation import Invocation
from actors.payloads.outputs import Outputs
from planners.agents import AgentKind
from reconciler.state.commands import ComputedOf, Given, ListOf, ObjectOf, OutputOf
from reconciler.state.handoff import FailureKind

NAMES = "$steps.search.hits.filter(h, h.n > $inputs.least).map(h, h.name)"
HITS = {"hits": [{"name": "a", "n": 1}, {"name": "b", "n": 2}]}


class Blob:
    """A large output."""

    def __await__(self):
        yield
        return b'{"hits": [{"name": "a", "n": 1}, {"name": "b", "n": 2}]}'


def names(of="t.1"):
    return ComputedOf(cel=NAMES, reads={"$steps.search": OutputOf(attempt=of), "$inputs.least": Given(value=1)})


def call_of(bound, target="m:f", kind=AgentKind.ASYNC):
    return Invocation(
        task="t",
        attempt="t.9",
        agent="a",
        kind=kind,
        target=target,
        work_key="k",
        inputs=bound.inputs,
        slots=tuple(bound.slots),
        computed=tuple(bound.computed),
    )


def filled(bound, *blobs):
    return call_of(bound).filled(blobs)


@agent(capability="count")
def counted(names: list[str]) -> int:
    return len(names)


@agent(capability="count")
async def counted_on_a_loop(names: list[str]) -> int:
    return len(names)


def test_a_quick_expression_over_small_outputs_is_a_plain_input():
    outputs = Outputs()
    outputs.keep("t", "t.1", HITS)

    bound = outputs.bound("t", {"names": names()})

    assert bound.inputs == {"names": ["b"]}
    assert bound.here


def test_an_expression_over_a_large_output_is_evaluated_where_that_arrives():
    outputs = Outputs()
    outputs.keep_reference("t", "t.1", Blob())
    inner = ComputedOf(cel="$steps.x.size()", reads={"$steps.x": names()})

    bound = outputs.bound("t", {"a": ObjectOf(fields={"b": ListOf(items=(inner, Given(value=0)))})})

    assert not bound.here
    assert filled(bound, b'{"hits": [{"name": "a", "n": 2}]}') == {"a": {"b": [1, 0]}}


def test_an_expression_over_many_values_is_evaluated_where_the_attempt_runs():
    outputs = Outputs()
    outputs.keep("t", "t.1", {"hits": [{"name": str(n), "n": n} for n in range(1_000)]})

    bound = outputs.bound("t", {"names": names()})

    assert not bound.here
    assert len(filled(bound)["names"]) == 998


def test_a_failed_evaluation_names_the_input_the_expression_and_the_fix():
    outputs = Outputs()
    outputs.keep("t", "t.1", {"hits": [{"n": 3}]})

    with pytest.raises(BadInput, match="has no value: Key not found") as caught:
        outputs.bound("t", {"names": names()})
    assert caught.value.field == "inputs.names"
    assert NAMES in caught.value.message
    assert "has()" in caught.value.fix


async def test_outputs_of_a_task_may_be_expressions():
    outputs = Outputs()
    outputs.keep_reference("t", "t.1", Blob())
    outputs.keep("t", "t.2", {})

    assert await outputs.value("t", names()) == ["b"]
    with pytest.raises(LookupError, match="has no value"):
        await outputs.value("t", names("t.2"))


@pytest.mark.parametrize(("target", "kind"), [("counted", AgentKind.SYNC), ("counted_on_a_loop", AgentKind.ASYNC)])
@pytest.mark.parametrize(("scores", "told"), [((2, 3), None), ((2, None), "has no value")])
def test_a_process_evaluates_an_expression_before_its_agent_begins(target, kind, scores, told):
    outputs = Outputs()
    outputs.keep_reference("t", "t.1", Blob())
    bound = outputs.bound("t", {"names": names()})
    call = pickle.loads(pickle.dumps(call_of(bound, f"{__name__}:{target}", kind)))  # noqa: S301 -- its own
    blob = json.dumps({"hits": [{"name": "a", "n": one} for one in scores]}).encode()

    ended = run_in_process(call, (blob,)).ended

    if told is None:
        assert ended.handoff.output == 2
    else:
        assert ended.failure.kind is FailureKind.BAD_INPUT
        assert told in ended.failure.message
        assert "hits" in str(ended.failure.evidence.inputs)
