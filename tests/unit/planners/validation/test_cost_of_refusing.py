"""What refusing a task costs grows with the task, not with its square. Calls and bytes are counted, no time."""

import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from tasks_to_refuse import CATALOG, loop, step, task

from planners.tasks import Task
from planners.validation import flaws


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
    all_flaws(once)

    assert calls(lambda: all_flaws(twice)) < 2.5 * calls(lambda: all_flaws(once))


def test_twice_the_blocks_take_twice_the_memory():
    once, twice = blocks(200), blocks(400)
    all_flaws(once)

    assert peak_bytes(lambda: all_flaws(twice)) < 2.5 * peak_bytes(lambda: all_flaws(once))


def test_the_number_of_flaws_told_is_bounded():
    assert len(all_flaws(unknown_capabilities(2_000))) == len(all_flaws(unknown_capabilities(1_000))) > 0


def test_a_refusal_is_not_much_larger_than_its_request():
    given = long_names(200)
    told = sum(len(flaw.message) + len(flaw.field) + len(flaw.fix) for flaw in all_flaws(given))

    assert 0 < told < 2 * len(given.model_dump_json(exclude_defaults=True))
