"""Types: an output or a literal that certainly is not what an input takes is refused, everything else is accepted."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Optional

import pytest
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, field_validator
from typing_extensions import TypedDict

from actors.kinds.callables import derived_spec
from planners.agents import AgentSpec, Catalog
from planners.tasks import Task
from planners.validation import flaws


class Colour(Enum):
    RED = "red"


class Point(BaseModel):
    x: int
    label: str = ""


class Labelled(BaseModel):
    x: str


class Lenient(BaseModel):
    x: int

    @field_validator("x", mode="before")
    @classmethod
    def _parsed(cls, value: Any) -> Any:
        return int(value)


class Stringly(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)
    x: str


class Tree(BaseModel):
    children: "list[Tree]" = Field(default_factory=list)
    weight: float = 0.0


class Named(NamedTuple):
    a: int
    b: str


class Record(TypedDict):
    x: int


@dataclass
class Data:
    x: float


def agent(name: str, takes: Any = None, gives: Any = None) -> AgentSpec:
    """An agent with one input of a type, and an output of another."""

    def function(value: Any) -> Any: ...

    function.__annotations__ = {"value": takes, "return": gives}
    return derived_spec(function, name=name, capability=name)


def found(steps: list[dict], *agents: AgentSpec, **inputs: Any) -> list[tuple[str, str, str]]:
    task = Task.model_validate({"workflow": {"steps": steps}, "inputs": inputs})
    return [(flaw.field, flaw.message, flaw.fix) for flaw in flaws(task, Catalog(agents=agents))]


def bound(gives: Any, takes: Any) -> list[tuple[str, str, str]]:
    """What is wrong if an output of one type is bound into an input of another."""
    steps = [
        {"id": "a", "capability": "make", "inputs": {"value": 1}},
        {"id": "b", "capability": "take", "inputs": {"value": "$steps.a"}},
    ]
    return found(steps, agent("make", Any, gives), agent("take", takes, Any))


def literal(value: Any, takes: Any) -> list[tuple[str, str, str]]:
    """What is wrong with a literal."""
    return found([{"id": "a", "capability": "take", "inputs": {"value": value}}], agent("take", takes, Any))


def test_a_string_bound_into_an_integer_is_refused_with_field_and_fix():
    assert bound(str, int) == [
        (
            "workflow.steps.b.inputs.value",
            "agent 'take' takes an integer as input 'value', and this is a string",
            "give an integer, or correct the types of the agents",
        )
    ]


@pytest.mark.parametrize(
    ("gives", "takes"),
    [
        (str, float),
        (int, str),
        (Point, str),
        (list[str], list[int]),
        (list[str], str),
        (str, list[str]),
        (Point, Labelled),
        (list[Point], list[Labelled]),
        (dict[str, int], list[int]),
        (str | None, int),
        (str, int | None),
        (str, int | list[int]),
        (Literal["a", "b"], int),
        (Record, Labelled),
    ],
)
def test_outputs_of_another_type_are_refused(gives, takes):
    assert bound(gives, takes)


@pytest.mark.parametrize(
    ("gives", "takes"),
    [
        (int, int),
        (int, float),
        (bool, int),
        (float, int),  # perhaps a whole number
        (Any, int),
        (str, Any),
        (int | str, int),
        (Optional[int], int),  # noqa: UP045 - both spellings
        (int, int | None),
        (list[int], list[float]),
        (list[int], set[int]),
        (list, list[int]),
        (dict, Point),
        (Point, dict[str, Any]),
        (Point, Data),
        (Record, Point),
        (Tree, Tree),
        (Named, Named),
        (int, datetime),
        (str, datetime),
        (str, Colour),
        (str, Decimal),
        (int, Decimal),
        (str, Path),
        (float, timedelta),
        (date, str),
        (str, Annotated[int, BeforeValidator(int)]),
        (Labelled, Lenient),
        (Point, Stringly),
        (Annotated[int, PlainSerializer(str)], str),
        (tuple[int, str], list[Any]),
    ],
)
def test_outputs_that_may_fit_are_accepted(gives, takes):
    assert bound(gives, takes) == []


@pytest.mark.parametrize(
    ("value", "takes", "message"),
    [
        ("five", int, "agent 'take' takes an integer as input 'value', and this is a string"),
        (5, str, "agent 'take' takes a string as input 'value', and this is an integer"),
        (2.5, int, "agent 'take' takes an integer as input 'value', and this is the number 2.5"),
        (None, int, "agent 'take' takes an integer as input 'value', and this is null"),
        ("x", bool, "agent 'take' takes a boolean as input 'value', and this is a string"),
        ([1, "x"], list[int], "agent 'take' takes an integer as input 'value' at '1', and this is a string"),
        ({"x": "one"}, Point, "agent 'take' takes an integer as input 'value' at 'x', and this is a string"),
        (
            {"a": ["b"]},
            dict[str, list[int]],
            "agent 'take' takes an integer as input 'value' at 'a.0', and this is a string",
        ),
        ("blue", Colour, "agent 'take' takes 'red' as input 'value', and this is 'blue'"),
        ("c", Literal["a", "b"], "agent 'take' takes one of 'a', 'b' as input 'value', and this is 'c'"),
        ([], int | str, "agent 'take' takes an integer or a string as input 'value', and this is a list"),
    ],
)
def test_literals_of_another_type_are_refused(value, takes, message):
    assert [each[1] for each in literal(value, takes)] == [message]


@pytest.mark.parametrize(
    ("value", "takes"),
    [
        (5, float),
        (3.0, int),
        (True, int),
        (1_700_000_000, datetime),
        ("2024-01-01", date),
        ("1.5", Decimal),
        ("red", Colour),
        ({"x": 1, "more": "ignored"}, Point),
        ({"a": 1, "b": "x"}, Named),
        ([1, 1], set[int]),
        ([1, "x"], tuple[int, str]),
        ("5", Annotated[int, BeforeValidator(int)]),
        ({"x": "5"}, Lenient),
        ({"x": 5}, Stringly),
        (None, int | None),
        ({"children": [{"children": [], "weight": 1}]}, Tree),
    ],
)
def test_literals_that_fit_are_accepted(value, takes):
    assert literal(value, takes) == []


def test_task_inputs_and_list_elements_are_compared():
    block = [
        {
            "id": "each",
            "for_each": "$inputs.people",
            "steps": [{"id": "a", "capability": "take", "inputs": {"value": "$item.age"}}],
        }
    ]

    assert found(block, agent("take", int, Any), people=[{"age": 1}, {"age": 2}]) == []
    (flaw,) = found(block, agent("take", int, Any), people=[{"age": 1}, {"age": "two"}])
    assert flaw[0] == "workflow.steps.each.steps.a.inputs.value"


def test_a_condition_may_sort_out_the_elements_that_do_not_fit():
    route = {
        "id": "way",
        "route": [
            {
                "when": "$item.kind == 'number'",
                "steps": [{"id": "a", "capability": "take", "inputs": {"value": "$item.value"}}],
            }
        ],
        "default": 0,
    }
    block = [{"id": "each", "for_each": "$inputs.things", "steps": [route]}]
    things = [{"kind": "number", "value": 1}, {"kind": "word", "value": "one"}]

    assert found(block, agent("take", int, Any), things=things) == []
    assert found(block, agent("take", int, Any), things=things[1:])


def test_gathered_outputs_are_lists():
    block = [
        {
            "id": "each",
            "for_each": "$inputs.numbers",
            "steps": [{"id": "a", "capability": "make", "inputs": {"value": "$item"}}],
        },
        {"id": "b", "capability": "take", "inputs": {"value": "$steps.each"}},
    ]
    make = agent("make", int, str)

    assert found(block, make, agent("take", list[str], Any), numbers=[1]) == []
    assert found(block, make, agent("take", str, Any), numbers=[1])
    assert found(block, make, agent("take", list[int], Any), numbers=[1])


def test_one_agent_that_takes_the_value_is_enough():
    catalog = Catalog(
        agents=(
            derived_spec(_takes_integer, name="strict", capability="take"),
            derived_spec(_takes_anything, name="lenient", capability="take"),
        )
    )
    task = Task.model_validate({"workflow": {"steps": [{"id": "a", "capability": "take", "inputs": {"value": "x"}}]}})

    assert list(flaws(task, catalog)) == []
    assert list(flaws(task, catalog.without(["lenient"])))


def _takes_integer(value: int) -> int: ...


def _takes_anything(value: Any) -> int: ...


def test_declared_schemas_of_commands_are_compared():
    command = AgentSpec(
        name="c",
        capability="count",
        kind="command",
        target=("true",),
        input_schema={"properties": {"n": {"type": ["integer", "null"]}}, "required": ["n"]},
    )

    assert found([{"id": "a", "capability": "count", "inputs": {"n": None}}], command) == []
    assert found([{"id": "a", "capability": "count", "inputs": {"n": "x"}}], command)
