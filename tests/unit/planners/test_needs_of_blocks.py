"""What a block needs may be missing: then the block is skipped, so the steps inside follow what it needs."""

from typing import Any

from planners.expansion import flatten
from planners.facts import Facts
from planners.unsettled import MOST_AFTER
from planners.workflow import FlatWorkflow, Workflow


def step(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "capability": "do", **more}


def flat(*steps: dict[str, Any], known: dict[str, Any] | None = None, facts: Facts | None = None) -> FlatWorkflow:
    return flatten(Workflow.model_validate({"steps": steps}), {}, known, facts)


def after(workflow: FlatWorkflow) -> dict[str, tuple[str, ...]]:
    return {one.id: one.after for one in workflow.steps if one.after}


def a_loop(*nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "loop", "loop": list(nodes), "max": 2, "state": {"x": "$steps.first"}, **more}


OPTIONAL = step("first", on_failure="skip")
ONE_TURN = {"while": "$state.turn < 1"}


def test_the_first_steps_of_a_loop_follow_an_optional_step_that_its_state_reads() -> None:
    loop = a_loop(step("a"), step("b", inputs={"of": "$steps.a"}), **ONE_TURN)

    assert after(flat(OPTIONAL, loop)) == {"a[0]": ("first",)}


def test_a_step_whose_failure_fails_the_task_orders_nothing() -> None:
    assert not after(flat(step("first"), step("other", on_failure="skip"), a_loop(step("a"), **ONE_TURN)))


def test_what_depends_on_an_optional_step_may_be_missing_as_well() -> None:
    first = step("first", inputs={"of": "$steps.before"})

    assert after(flat(step("before", on_failure="skip"), first, a_loop(step("a"), **ONE_TURN))) == {"a[0]": ("first",)}


def test_a_step_that_reads_what_the_block_needs_follows_it_once() -> None:
    loop = a_loop(step("a", inputs={"of": "$state.x"}), **ONE_TURN)

    assert not after(flat(OPTIONAL, loop))


def test_a_turn_follows_an_optional_step_of_the_turn_before_whose_output_is_carried_into_it() -> None:
    loop = {
        "id": "loop",
        "loop": [step("a"), step("carried", on_failure="skip")],
        "output": "a",
        "max": 2,
        "state": {"x": 0},
        "next": {"x": "$steps.carried"},
    }

    assert after(flat(loop)) == {"a[1]": ("carried[0]",), "carried[1]": ("carried[0]",)}


def test_a_block_that_needs_very_many_optional_steps_is_pending_until_they_have_ended() -> None:
    many = [step(f"s{number}", on_failure="skip") for number in range(MOST_AFTER + 1)]
    loop = a_loop(step("a"), **ONE_TURN) | {"state": {"x": [f"$steps.{one['id']}" for one in many]}}

    waiting, ended = flat(*many, loop), flat(*many, loop, known={one["id"]: 0 for one in many})

    assert [len(one.awaited) for one in waiting.pending] == [MOST_AFTER + 1]
    assert "a[0]" in ended.by_id
    assert not ended.pending


def each(name: str, over: Any, *nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": name, "for_each": over, "steps": list(nodes), **more}


def test_elements_do_not_wait_for_optional_ones_that_a_list_is_read_without() -> None:
    fetch = step("fetch", inputs={"of": "$item"}, on_failure="skip")

    assert not after(flat(each("all", [1, 2, 3], fetch), each("next", "$steps.all", step("read"))))


def test_elements_of_a_written_list_wait_for_optional_steps_in_it() -> None:
    found = flat(OPTIONAL, step("second"), each("next", ["$steps.first", "$steps.second"], step("read")))

    assert after(found) == {"read[0]": ("first",), "read[1]": ("first",)}


def test_readers_of_a_literal_that_a_block_gives_wait_for_what_the_block_needs() -> None:
    skipped = {"id": "way", "route": [{"when": "false", "steps": [step("no")]}], "default": 1}
    loop = a_loop(step("a"), skipped, output="way", **ONE_TURN)
    reader = step("read", inputs={"of": "$steps.loop"})

    waiting, ended = flat(OPTIONAL, loop, reader), flat(OPTIONAL, loop, reader, known={"first": 1})

    assert {one.id: one.awaited for one in waiting.pending} == {"loop": ("first",), "read": ()}
    assert "read" in ended.by_id
