"""Inputs that are expressions: checked at submission, unrolled like bindings, evaluated where a plan must know."""

import pytest

from planners.agents import AgentSpec, Catalog
from planners.bindings import Computed, StepRef, Value
from planners.builder import WorkflowBuilder
from planners.definitions import NamedWorkflow
from planners.errors import InvalidTask
from planners.expansion import flatten
from planners.linking import linked
from planners.tasks import Task
from planners.terms import expr
from planners.validation import flaws
from planners.work_keys import InputDigests, work_keys
from planners.workflow import Workflow

NAMES = "$steps.search.hits.map(h, h.name)"


def workflow(*steps, **more):
    return Workflow.model_validate({"steps": list(steps), **more})


def step(name, **inputs):
    return {"id": name, "capability": name, "inputs": inputs}


def flat(declared, known=None, facts=None, **inputs):
    return flatten(declared, inputs, known or {}, facts)


def catalog():
    hits = {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}}
    found = {"type": "object", "properties": {"hits": hits, "count": {"type": "integer"}}}
    asked = {"type": "object", "properties": {"names": {"type": "array"}, "count": {"type": "integer"}}}
    return Catalog(
        agents=(
            AgentSpec(name="search", capability="search", kind="async", target="m:f", output_schema=found),
            AgentSpec(name="report", capability="report", kind="async", target="m:f", input_schema=asked),
        )
    )


def refused(*steps):
    task = Task(workflow=workflow(*steps), inputs={"n": 1})
    return [(flaw.field, flaw.message, flaw.fix) for flaw in flaws(task, catalog())]


def test_an_expression_of_right_type_is_accepted():
    report = step("report", names={"cel": NAMES}, count={"cel": "$steps.search.hits.size() + $inputs.n"})

    assert refused(step("search"), report) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("$steps.serch.hits.size()", "there is no step 'serch'"),
        ("$inputs.m + 1", "the task has no input 'm'"),
        ("$steps.search.hit.size()", "the output of 'search' has no 'hit'"),
        ("$item.n + 1", r"$item has no meaning outside a for_each"),
        (
            "$steps.search.hits + 1",
            "makes no value: found no matching overload for '_+_' applied to '(list(dyn), int)'",
        ),
        ("$inputs.n +", "makes no value: Syntax error"),
        ("string($inputs.n)", "agent 'report' takes an integer as input 'count', and this is a string"),
        ("bytes(string($inputs.n))", "its value is a bytes, which JSON does not have"),
    ],
)
def test_a_wrong_expression_is_refused_with_field_and_fix(text, told):
    ((field, message, fix),) = refused(step("search"), step("report", count={"cel": text}))

    assert told in message
    assert field == "workflow.steps.report.inputs.count"
    assert fix


def test_an_expression_depends_on_what_it_reads():
    steps = flat(workflow(step("search"), step("report", names={"cel": NAMES}))).by_id

    assert steps["report"].parents == ("search",)
    assert steps["report"].inputs["names"].reads == {"$steps.search": StepRef(step="search")}


def test_an_expression_may_read_the_list_of_a_step_inside_a_for_each():
    each = {"id": "each", "for_each": "$inputs.xs", "steps": [step("look", x="$item"), step("judge", of="$steps.look")]}
    unrolled = flat(workflow(each, step("sum", of={"cel": "$steps.each.look.size() + $steps.each.size()"})), xs=[1, 2])

    reads = unrolled.by_id["sum"].inputs["of"].reads
    assert [ref.step for ref in reads["$steps.each.look"].gather] == ["look[0]", "look[1]"]
    assert [ref.step for ref in reads["$steps.each"].gather] == ["judge[0]", "judge[1]"]


def test_elements_read_their_item_and_turns_their_state():
    each = {"id": "each", "for_each": "$inputs.xs", "steps": [step("look", n={"cel": "$item.n * 2"})]}

    first = flat(workflow(each), xs=[{"n": 1}, {"n": 2}]).by_id["look[0]"].inputs["n"]
    assert first.reads["$item"].path == (0,)


def test_equal_work_has_equal_keys_whatever_the_steps_are_called():
    def key(name, text):
        steps = flat(workflow(step(name), {"id": "r", "capability": "r", "inputs": {"n": {"cel": text}}})).steps
        steps = [one.model_copy(update={"capability": "c"}) if one.id == name else one for one in steps]
        return work_keys(((one, "agent") for one in steps), InputDigests({}))["r"]

    assert key("a", "$steps.a.size()") == key("b", "$steps.b.size()")
    assert key("a", "$steps.a.size()") != key("a", "$steps.a.size() + 1")


def test_a_step_that_reads_a_skipped_output_in_an_expression_is_skipped():
    route = {"id": "way", "route": [{"when": "$inputs.x > 1", "steps": [step("one")]}]}

    assert [one.id for one in flat(workflow(route, step("two", n={"cel": "$steps.way + 1"})), x=0).skipped] == [
        "way",
        "one",
        "two",
    ]


def test_a_for_each_runs_over_the_value_of_an_expression_once_that_is_known():
    each = {
        "id": "each",
        "for_each": {"cel": "$steps.search.hits.filter(h, h.score > 1)"},
        "steps": [step("look", hit="$item.name")],
    }
    declared = workflow(step("search"), each)

    (pending,) = flat(declared).pending
    assert (pending.id, pending.waits_for) == ("each", "search")

    hits = [{"name": "a", "score": 2}, {"name": "b", "score": 1}, {"name": "c", "score": 3}]
    known = flat(declared, {"search": {"hits": hits}})
    assert known.by_id["look[1]"].inputs == {"hit": Value(value="c")}


def test_a_for_each_over_an_expression_without_a_value_names_it():
    each = {"id": "each", "for_each": {"cel": "$steps.search.hits"}, "steps": [step("look")]}

    with pytest.raises(InvalidTask, match="Key not found") as refusal:
        flat(workflow(step("search"), each), {"search": {}})
    assert refusal.value.field == "workflow.steps.each.for_each"


def test_the_state_of_a_loop_adds_up_without_nesting():
    loop = {
        "id": "adds",
        "loop": [step("draw", turn="$state.turn", total="$state.total")],
        "state": {"total": 0},
        "next": {"total": {"cel": "$state.total + $steps.draw.n"}},
        "max": 4,
    }
    declared, known = workflow(loop), {}

    for turn in range(3):
        (pending,) = flat(declared, known).pending
        assert pending.waits_for == f"draw[{turn}]"
        known[pending.waits_for] = {"n": turn + 1}
    last = flat(declared, known).by_id["draw[3]"]
    assert last.inputs["total"] == Value(value=6)


def test_a_pause_may_be_computed():
    declared = workflow(step("ask"), {"id": "rest", "wait": {"cel": "$steps.ask.minutes * 60"}})

    assert flat(declared).pending[0].waits_for == "ask"
    rest = flat(declared, {"ask": {"minutes": 2}}).by_id["rest"]
    assert rest.inputs == {"seconds": Value(value=120)}
    assert rest.after == ("ask",)


def test_a_workflow_that_is_used_reads_expressions_of_its_own_and_of_what_it_is_given():
    definition = NamedWorkflow.model_validate(
        {"name": "w", "inputs": {"names": "array"}, "steps": [step("count", n={"cel": "$inputs.names.size()"})]}
    )
    used = {"id": "u", "use": "w", "inputs": {"names": {"cel": NAMES}}}
    task = linked(Task(workflow=workflow(step("search"), used)), Catalog(agents=(), workflows=(definition,)))

    n = flat(task.workflow).by_id["u/count"].inputs["n"]
    assert isinstance(n.reads["$inputs.names"], Computed)
    assert n.reads["$inputs.names"].reads == {"$steps.search": StepRef(step="search")}


def test_the_builder_writes_terms_as_expressions():
    flow = WorkflowBuilder()
    search = flow.step("search", "search")
    flow.step(
        "report", "report", {"names": expr(NAMES), "count": search.hits.size() + 1, "all": [search, search.n * 2]}
    )

    assert flow.document()["steps"][1]["inputs"] == {
        "names": {"cel": NAMES},
        "count": {"cel": "$steps.search.hits.size() + 1"},
        "all": ["$steps.search", {"cel": "$steps.search.n * 2"}],
    }
    assert flow.build() == Workflow.model_validate(flow.document())


def test_a_stored_plan_keeps_what_an_expression_reads():
    unrolled = flat(workflow(step("search"), step("report", names={"cel": NAMES})))

    assert type(unrolled).model_validate_json(unrolled.model_dump_json()) == unrolled
