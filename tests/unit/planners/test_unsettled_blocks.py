"""Which further steps the readers of a block wait for, because the block may still fail."""

from planners.expansion import flatten
from planners.workflow import Workflow


def step(name, **more):
    return {"id": name, "capability": "do", **more}


def flat(*steps, known=None, **inputs):
    return flatten(Workflow.model_validate({"steps": steps}), inputs, known)


def after(workflow):
    return {one.id: one.after for one in workflow.steps if one.after}


def guarded(*nodes, output):
    return {"id": "block", "try": nodes, "output": output, "fallback": [step("other")]}


READ = step("read", inputs={"of": "$steps.block"})
BESIDE = [step("out"), step("first"), step("last", inputs={"of": "$steps.first"})]


def test_a_reader_follows_the_last_steps_of_a_block_that_its_output_does_not_depend_on():
    assert after(flat(guarded(*BESIDE, output="out"), READ)) == {"read": ("last",)}


def test_a_reader_of_the_last_step_of_a_block_follows_nothing_else():
    chain = [step("first"), step("last", inputs={"of": "$steps.first"})]

    assert not after(flat(guarded(*chain, output="last"), READ))


def test_a_block_that_fails_with_the_task_orders_nothing():
    block = {"id": "block", "route": [{"when": "true", "steps": BESIDE, "output": "out"}]}

    assert not after(flat(block, READ))


def test_steps_of_a_block_that_are_known_to_have_ended_order_nothing():
    assert not after(flat(guarded(*BESIDE, output="out"), READ, known={"last": 1}))


def test_a_node_that_is_ordered_after_a_block_follows_all_of_it():
    assert after(flat(guarded(*BESIDE, output="out"), step("next", after=["block"]))) == {"next": ("out", "last")}


def test_a_reader_outside_two_blocks_follows_the_last_steps_of_both():
    inner = {"id": "inner", "try": BESIDE, "output": "out", "fallback": [step("another")]}

    found = flat(guarded(inner, step("more"), output="inner"), READ)

    assert set(after(found)["read"]) == {"last", "more"}


def test_steps_inside_a_block_do_not_wait_for_the_rest_of_it():
    assert not after(flat(guarded(*BESIDE, step("in", inputs={"of": "$steps.out"}), output="in"))).get("in")


def test_readers_of_a_literal_are_pending_while_steps_of_the_block_run():
    way = {"id": "way", "route": [{"when": "false", "steps": [step("no")]}], "default": 1}
    block = guarded(step("first"), way, output="way")

    waiting, ended = flat(block, READ), flat(block, READ, known={"first": 0})

    assert {one.id: one.awaited for one in waiting.pending} == {"block": ("first",), "read": ()}
    assert "read" in {one.id for one in ended.steps}


def test_readers_of_all_elements_of_one_step_each_need_no_further_order():
    many = {"id": "block", "for_each": "$inputs.list", "steps": [step("one")], "tolerated_failures": 1}

    assert not after(flat(many, READ, list=list(range(500))))


def test_many_readers_of_one_of_many_elements_are_pending_and_only_one_awaits_the_others():
    many = {"id": "block", "for_each": "$inputs.list", "steps": [step("one")], "tolerated_failures": 1}
    readers = {"id": "all", "for_each": "$inputs.list", "steps": [step("read", inputs={"of": "$steps.block.0"})]}
    elements = range(500)

    found = flat(many, readers, list=list(elements))
    known = {f"one[{number}]": number for number in elements}

    assert sum(len(one.awaited) for one in found.pending) == len(elements)
    assert not flat(many, readers, list=list(elements), known=known).pending


def test_a_node_that_joins_and_gives_no_output_of_a_step_is_pending_until_what_it_joins_has_ended():
    join = {"steps": ["first"], "min_successful": 1}
    empty = {"id": "empty", "for_each": [], "steps": [step("never")], "output": "never", "join": join}
    reads = step("read", inputs={"of": "$steps.empty"})

    workflow = flat(step("first"), empty, reads)

    assert [(one.id, one.awaited) for one in workflow.pending] == [("empty", ("first",)), ("read", ())]
    assert [one.id for one in flat(step("first"), empty, reads, known={"first": 1}).steps] == ["first", "read"]
