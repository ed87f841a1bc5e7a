"""Declaring callables as agents."""

import math
import pickle
from typing import Annotated, Any

import pytest
from annotated_types import Ge
from pydantic import BaseModel

from actors import errors
from actors.agent import agent
from actors.context import MAX_STAGED_BYTES, Context
from actors.import_path import load
from actors.kinds.callables import declaration_of, derived_spec
from actors.kinds.command_failure import CommandFailed
from actors.signature import Signature
from planners.agents import AgentKind, Effect
from planners.resources import Resources

CONTEXT = Context(task="t", attempt="t.1", agent="a", work_key="k")


@agent("add", quality=0.5, provider="desk", resources={"gpus": 1})
async def adds(a: int, b: Annotated[int, Ge(0)] = 2) -> int:
    """Adds two numbers.

    More words.
    """
    return a + b


def plain(name: str, *, context: Context, **more: float) -> list[str]:
    return [name, context.attempt, *more]


async def test_a_decorated_callable_stays_callable():
    assert await adds(1) == 3


def test_what_is_not_declared_is_derived():
    spec = declaration_of(adds).spec

    assert (spec.name, spec.capability, spec.kind) == ("adds", "add", AgentKind.ASYNC)
    assert spec.target == f"{__name__}:adds"
    assert spec.description == "Adds two numbers."
    assert spec.resources == Resources(gpus=1)
    assert spec.input_schema["required"] == ["a"]
    assert spec.input_schema["properties"]["b"] == {"default": 2, "minimum": 0, "title": "B", "type": "integer"}
    assert spec.input_schema["additionalProperties"] is False
    assert spec.output_schema == {"type": "integer"}


def test_async_agents_need_nothing_unless_they_say_so_and_sync_ones_a_cpu():
    async def waits() -> None: ...

    def works() -> None: ...

    assert derived_spec(waits, capability="x").resources == Resources()
    assert derived_spec(works, capability="x").resources == Resources(cpus=1)


def test_the_context_is_no_input():
    signature = Signature(plain)

    assert set(signature.input_schema["properties"]) == {"name"}
    assert plain(**signature.arguments({"name": "n", "x": 1}, CONTEXT)) == ["n", "t.1", "x"]


def test_instances_that_can_be_called_are_agents_too():
    class Waiter:
        async def __call__(self, name: str) -> str:
            return f"hello {name}"

    signature = Signature(Waiter())

    assert signature.is_async
    assert set(signature.input_schema["properties"]) == {"name"}


class Reading(BaseModel):
    value: float
    note: str | None = None


@pytest.mark.parametrize("returned", [float, Any, Reading])
def test_a_number_that_json_cannot_hold_is_refused_with_its_path(returned: Any):
    def measures() -> list[returned]: ...

    number = math.inf if returned is float else math.nan
    measured = [Reading(value=number) if returned is Reading else {"value": number}]

    with pytest.raises(errors.BadOutput) as caught:
        Signature(measures).dumped([number] if returned is float else measured)
    assert caught.value.field == "output.0" if returned is float else "output.0.value"
    assert caught.value.fix


def test_texts_that_name_such_numbers_are_kept():
    def tells() -> Any: ...

    assert Signature(tells).dumped(["NaN", None, "Infinity"]) == b'["NaN",null,"Infinity"]'


def test_an_output_may_be_100_levels_deep():
    def nests() -> Any: ...

    deep: Any = 1
    for _ in range(100):
        deep = [deep]

    assert Signature(nests).dumped(deep)
    with pytest.raises(errors.BadOutput, match="levels"):
        Signature(nests).dumped({"one": deep})


@pytest.mark.parametrize(
    ("inputs", "field"), [({"a": "x"}, "inputs.a"), ({}, "inputs.a"), ({"a": 1, "b": -1}, "inputs.b")]
)
def test_bad_input_is_named(inputs: dict[str, Any], field: str):
    with pytest.raises(errors.BadInput) as caught:
        Signature(adds).arguments(inputs, CONTEXT)
    assert caught.value.field == field


def positional(a: int, /) -> int:
    return a


def starred(*a: int) -> int:
    return len(a)


def unknown(a: "Nothing") -> int:  # type: ignore[name-defined]  # noqa: F821 - the mistake under test
    return 1


def unschemed(a: pytest.Item) -> int:
    return 1


class Holder:
    pass


class Greeter:
    def __call__(self, name: str) -> str:
        return f"hello {name}"


@pytest.mark.parametrize("function", [positional, starred, unknown, unschemed, Holder, Greeter, Reading])
def test_callables_that_cannot_be_agents_are_refused_with_the_fix(function: Any):
    """Calling a class, even one with __call__, gives an instance and no output."""
    with pytest.raises(errors.InvalidAgent) as caught:
        derived_spec(function, capability="x")
    assert function.__name__ in caught.value.message
    assert caught.value.fix


def test_a_wrong_field_of_a_declaration_is_named():
    with pytest.raises(errors.InvalidAgent) as caught:
        agent("x", quality=2)(plain)
    assert caught.value.field == "quality"


@pytest.mark.parametrize("how", [{"effect": Effect.STAGEABLE}, {"promote": lambda context, staged: None}])
def test_stageable_and_promote_go_together(how: dict[str, Any]):
    with pytest.raises(errors.InvalidAgent, match="promote"):
        agent("x", **how)(plain)


@pytest.mark.parametrize(
    "target", ["nocolon", "no.such.module:f", "actors.agent:nothing", "actors.kinds.callables:_ATTRIBUTE"]
)
def test_import_paths_that_lead_nowhere_say_so(target: str):
    with pytest.raises(errors.UnknownTarget) as caught:
        load(target)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("target", "fix"),
    [("sample_agents:ad", "did you mean 'add'?"), ("sample_agents:zzzz", "there are Molecule, add, add_in_process")],
)
def test_a_misspelt_name_in_a_module_is_told_with_the_nearest_or_with_what_the_module_defines(target: str, fix: str):
    with pytest.raises(errors.UnknownTarget) as caught:
        load(target)
    assert caught.value.fix.startswith(fix)


def test_staged_effects_wait_in_the_context():
    CONTEXT.stage("file", b"data")

    assert CONTEXT.staged == {"file": b"data"}


def test_what_is_staged_again_under_the_same_name_counts_once():
    context = Context(task="t", attempt="t.1", agent="a", work_key="k")
    context.stage("file", b"x" * (MAX_STAGED_BYTES - 10))
    context.stage("file", b"y" * (MAX_STAGED_BYTES - 10))

    with pytest.raises(errors.BadOutput, match="at most"):
        context.stage("more", b"123456789")
    assert context.staged == {"file": b"y" * (MAX_STAGED_BYTES - 10)}


@pytest.mark.parametrize(("name", "data"), [("file", "text"), ("file", 3), ("\ud83d", b"data")])
def test_only_bytes_under_a_valid_name_are_staged(name: str, data: Any):
    with pytest.raises(errors.BadOutput, match="stage"):
        CONTEXT.stage(name, data)
    assert CONTEXT.idempotency_key == "t.1"


@pytest.mark.parametrize(
    "error",
    [*(getattr(errors, name) for name in vars(errors) if name[0].isupper() and name != "ForerunError"), CommandFailed],
)
def test_every_error_survives_the_way_between_processes(error: type[errors.ActorsError]):
    sent = error("message", "field", "fix")

    received = pickle.loads(pickle.dumps(sent))  # noqa: S301 - our own

    assert type(received) is error
    assert (received.message, received.field, received.fix) == ("message", "field", "fix")
