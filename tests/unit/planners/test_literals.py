"""Large literals of blocks and goals are referred to by name; the work stays the same."""

from planners.bindings import InputRef, Value
from planners.expansion import flatten
from planners.tasks import Task
from planners.work_keys import InputDigests, work_keys

LONG = "z" * 1_000


def a_task(*steps, **inputs):
    return Task.model_validate({"inputs": inputs, "workflow": {"steps": list(steps)}})


def one(**inputs):
    return {"id": "one", "capability": "c", "inputs": inputs}


def each(over, *steps):
    return {"id": "each", "for_each": over, "steps": list(steps)}


def unrolled(task):
    return flatten(task.plannable, task.values).steps


def test_a_large_literal_inside_a_block_is_not_copied():
    task = a_task(each([1, 2], one(x=LONG)))

    assert [step.inputs["x"] for step in unrolled(task)] == [InputRef(input="literal:one.x")] * 2
    assert task.values["literal:one.x"] == LONG


def test_elements_of_a_large_literal_list_are_not_copied():
    task = a_task(each([LONG, "b"], one(x="$item", y="$item")))

    assert unrolled(task)[0].inputs["y"] == InputRef(input="literal:each", path=(0,))
    assert task.values["literal:each"] == [LONG, "b"]


def test_large_literals_in_lists_of_bindings_have_names_of_their_own():
    task = a_task(each([1], one(x=["$item", LONG, LONG + "y"])))

    assert {name: value[-1] for name, value in task.values.items()} == {"literal:one.x.2": "z", "literal:one.x.3": "y"}


def test_short_literals_and_those_outside_of_blocks_stay_where_they_are():
    assert unrolled(a_task(one(x=LONG)))[0].inputs == {"x": Value(value=LONG)}
    assert unrolled(a_task(each([1], one(x="short"))))[0].inputs == {"x": Value(value="short")}


def test_work_keys_do_not_change():
    task = a_task(each([1, 2], one(x=LONG, y="$item")))
    plain = flatten(task.workflow, task.inputs).steps

    def keys(steps, values):
        return work_keys([(step, "a@1") for step in steps], InputDigests(values))

    assert keys(unrolled(task), task.values) == keys(plain, task.inputs)


def test_an_input_of_the_user_keeps_its_name():
    task = a_task(each([1], one(x=LONG)), **{"literal:one.x": 5})

    assert task.values == {"literal:one.x": 5}
    assert unrolled(task)[0].inputs["x"] == Value(value=LONG)


def test_the_task_itself_keeps_its_literals():
    task = a_task(each([1], one(x=LONG)))
    before = task.model_dump_json()

    assert task.values
    assert task.model_dump_json() == before
    assert task.inputs == {}
