"""What refusing a task costs grows with the task, not with its square. Calls and bytes are counted, no time."""

import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError
from tasks_to_refuse import CATALOG, loop, step, task

from planners.errors import InvalidTask
from planners.tasks import Task
from planners.validation import explain, flaws, parse


def calls(function: Callable[[], Any]) -> int:
    """How many functions are called, Python's own included."""
    counted = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal counted
        counted += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(before)
    return counted


def peak_bytes(function: Callable[[], Any]) -> int:
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def all_flaws(given: Task) -> list[Any]:
    return list(flaws(given, CATALOG))


def dangling(count: int) -> Task:
    return task(*(step(f"step{i:04}", after=[f"stop{i:04}"]) for i in range(count)))


def unknown_inputs(count: int) -> Task:
    steps = (step(f"s{i}", inputs={"x": f"$inputs.imput{i:04}"}) for i in range(count))
    return task(*steps, inputs={f"input{i:04}": 1 for i in range(count)})


def goals(count: int) -> Task:
    return task(*({"id": f"g{i}", "goal": "x"} for i in range(count)))


def blocks(count: int) -> Task:
    return task(*(loop(f"b{i}", [], step(f"c{i}")) for i in range(count)))


def unknown_capabilities(count: int) -> Task:
    return task(*(step(f"s{i}", f"nothing{i}") for i in range(count)))


def long_names(count: int) -> Task:
    names = [f"{i:04}" + "n" * 500 for i in range(20)]
    steps = (step(f"s{i}", inputs={"x": "$inputs.?"}) for i in range(count))
    return task(*steps, inputs=dict.fromkeys(names, 1))


@pytest.mark.parametrize(("made", "steps"), [(dangling, 30), (unknown_inputs, 30), (goals, 200)])
def test_twice_the_steps_cost_twice_the_calls(made, steps):
    once, twice = made(steps), made(2 * steps)
    all_flaws(made(1))  # what is computed on first use only

    assert calls(lambda: all_flaws(twice)) < 2.5 * calls(lambda: all_flaws(once))


def test_twice_the_blocks_take_twice_the_memory():
    once, twice = blocks(200), blocks(400)
    all_flaws(blocks(1))  # what is allocated on first use only

    assert peak_bytes(lambda: all_flaws(twice)) < 2.5 * peak_bytes(lambda: all_flaws(once))


def test_the_number_of_flaws_told_is_bounded():
    assert len(all_flaws(unknown_capabilities(2_000))) == len(all_flaws(unknown_capabilities(1_000))) > 0


def test_a_refusal_is_not_much_larger_than_its_request():
    given = long_names(200)
    told = sum(len(flaw.message) + len(flaw.field) + len(flaw.fix) for flaw in all_flaws(given))

    assert 0 < told < 2 * len(given.model_dump_json(exclude_defaults=True))


def deep(levels: int) -> Any:
    binding: Any = "$steps.s0"
    for _ in range(levels):
        binding = {"gather": [binding]}
    return binding


def nested_object(levels: int) -> Any:
    value: Any = "$steps.s0"
    for _ in range(levels):
        value = {"a": value, "b": "$steps.s0"}
    return value


def nodes(count: int, **more: Any) -> dict[str, Any]:
    return {"workflow": {"steps": [{"id": f"s{i}", "capability": "anything", **more} for i in range(count)]}}


# Documents of about two megabytes, or just small enough to be parsed and checked.
HOSTILE: dict[str, Callable[[], Any]] = {
    "many steps": lambda: nodes(50_000),
    "as many steps with inputs as are taken": lambda: nodes(9_999, inputs={"a": "$inputs.q", "b": 1}, after=["s1"]),
    "steps that are numbers": lambda: {"workflow": {"steps": [1] * 900_000}},
    "steps of unknown fields": lambda: nodes(3_000, **{f"k{i}": 1 for i in range(25)}),
    "one object of unknown fields": lambda: {f"k{i}": 1 for i in range(150_000)},
    "references that are none": lambda: nodes(4_000, inputs={f"x{i}": f"$y{i}" for i in range(15)}),
    "one step with many inputs": lambda: nodes(1, inputs={f"x{i}": f"$y{i}" for i in range(100_000)}),
    "forms that are wrong": lambda: nodes(4_000, inputs={f"x{i}": {"step": 1} for i in range(3)}),
    "a list of references": lambda: nodes(1, inputs={"x": ["$steps.s0"] * 90_000}),
    "a list of wrong references": lambda: nodes(1, inputs={"x": ["$y"] * 90_000}),
    "an object of references": lambda: nodes(1, inputs={"x": {f"k{i}": "$steps.s0" for i in range(90_000)}}),
    "objects of wrong references": lambda: nodes(4_000, inputs={"x": {"a": ["$y"], "b": {"c": "$z"}}}),
    "a literal that looks like references": lambda: nodes(1, inputs={"x": [{"k": "$5 off"}] * 20_000}),
    "objects in objects": lambda: nodes(9, inputs={"x": nested_object(200)}),
    "deep bindings": lambda: nodes(400, inputs={"x": deep(40)}),
    "nested blocks": lambda: task_nested(40),
    "one list for many blocks": lambda: {
        "inputs": {"xs": [{"k": 1}] * 100_000},
        "workflow": {
            "steps": [loop(f"b{i}", "$inputs.xs", step(f"c{i}", inputs={"x": "$item.k"})) for i in range(999)]
        },
    },
    "a long cycle": lambda: {"workflow": {"steps": [step(f"s{i}", after=[f"s{(i + 1) % 5000}"]) for i in range(5000)]}},
    "ids that are nearly those of elements": lambda: nodes(1_900, id="a" + "[1]" * 60 + "!"),
    "long names": lambda: {"workflow": {"steps": [step("a" * 2_000_000), step("b", "c" * 2_000_000)]}},
    "a long path": lambda: nodes(1, inputs={"x": "$inputs.q" + ".0" * 1_000_000}),
    "a number of many digits in a path": lambda: nodes(2, inputs={"x": "$steps.s0." + "9" * 2_000_000}),
    "goals with many slashes": lambda: {
        "workflow": {"steps": [{"id": "a" + "/" * 150 + str(i), "goal": "x"} for i in range(9_999)]}
    },
    "a given plan of numbers": lambda: {
        "goal": "x",
        "planning": {"mode": "oracle", "plan": {"kind": "optimal", "steps": [1] * 900_000}},
    },
}


LARGE_ERRORS = {"references that are none", "forms that are wrong", "steps of unknown fields", "a long cycle"}


def task_nested(levels: int) -> dict[str, Any]:
    node = step("leaf")
    for level in range(levels):
        node = loop(f"n{level}", [1], node)
    return {"workflow": {"steps": [node]}}


def refuse_or_take(document: Any) -> str:
    """How a submitted document ends."""
    try:
        return "refused" if all_flaws(parse(document)) else "taken"
    except InvalidTask:
        return "too large"
    except ValidationError as error:
        told = error.error_count() <= 3_000 and explain(error, document=document)
        return "malformed" if told else "malformed beyond measure"


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_document_costs_little(kind):
    document = HOSTILE[kind]()
    ends: list[str] = []

    assert calls(lambda: ends.append(refuse_or_take(document))) < 2_000_000
    assert ends != ["malformed beyond measure"]
    # Tracing memory is slow, and what matters are errors, which may take far more room than the document.
    if kind in LARGE_ERRORS:
        assert peak_bytes(lambda: refuse_or_take(document)) < 50e6


def test_every_wrong_node_of_a_small_document_is_reported():
    wrong = {"workflow": {"steps": [step("a", nothing=1), step("b"), step("c", nothing=2)]}}

    with pytest.raises(ValidationError) as caught:
        parse(wrong)

    assert [flaw.field for flaw in explain(caught.value)] == [
        "workflow.steps.0.nothing",
        "workflow.steps.2.nothing",
    ]


def test_inputs_and_literals_of_any_size_are_taken():
    large = {"inputs": {"q": list(range(200_000))}, **nodes(2, inputs={"x": [["a$"]] * 100_000, "y": "z" * 1_000_000})}

    assert refuse_or_take(large) == "taken"
