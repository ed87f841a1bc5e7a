"""One test for each kind of task that cannot be run: it is refused with the field and the fix."""

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from planners.agents import AgentSpec, Catalog, Price
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.errors import InvalidTask
from planners.expansion import flatten
from planners.resources import Resources
from planners.tasks import Task
from planners.validation import accepts, check, explain, flaws
from planners.workflow import Step

POINT = {
    "type": "object",
    "properties": {"x": {"type": "number"}, "tags": {"type": "array", "items": {"type": "string"}}},
}
POINTS = {
    "type": "object",
    "properties": {"points": {"type": "array", "items": {"$ref": "#/$defs/Point"}}},
    "$defs": {"Point": POINT},
}
CATALOG = Catalog(
    agents=(
        AgentSpec(
            name="opener",
            capability="open",
            output_schema=POINTS,
            input_schema={"type": "object", "properties": {"path": {}, "mode": {}}, "required": ["path"]},
        ),
        AgentSpec(name="free", capability="anything", quality=0.6, price=Price(usd_per_call=0.01)),
        AgentSpec(name="dear", capability="anything", quality=0.9, price=Price(usd_per_call=0.5)),
        AgentSpec(name="slow", capability="slow", expected_s=100.0),
        AgentSpec(name="big", capability="big", resources=Resources(gpus=4, cpus=1)),
    )
)
CLUSTER = ClusterSnapshot(
    nodes=(
        ClusterNode(id="n1", node_class="cpu", total=Resources(cpus=8)),
        ClusterNode(id="n2", node_class="gpu", total=Resources(cpus=8, gpus=1)),
    )
)


def task(*steps: dict[str, Any], outputs: dict[str, Any] | None = None, **more: Any) -> Task:
    return Task.model_validate({"workflow": {"steps": list(steps), "outputs": outputs or {}}, **more})


def step(name: str, capability: str = "anything", **more: Any) -> dict[str, Any]:
    return {"id": name, "capability": capability, **more}


def loop(name: str, over: Any, *steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": name, "for_each": over, "steps": list(steps), **more}


def refused(given: Task) -> InvalidTask:
    with pytest.raises(InvalidTask) as caught:
        check(given, CATALOG, CLUSTER)
    assert caught.value.fix, "every refusal says what would mend it"
    return caught.value


def test_a_cycle_is_printed():
    error = refused(task(step("c"), step("a", after=["b"]), step("b", inputs={"x": "$steps.a"})))

    assert "a -> b -> a" in error.message
    assert error.field == "workflow.steps.a"


def test_a_cycle_through_a_block_is_printed():
    error = refused(task(loop("each", [1], step("inner", after=["tail"])), step("tail", after=["each"])))

    assert "each -> tail -> each" in error.message


def test_a_cycle_inside_a_block_is_printed():
    error = refused(task(loop("each", [1], step("p", after=["q"]), step("q", after=["p"]))))

    assert "p -> q -> p" in error.message
    assert error.field == "workflow.steps.each.steps.p"


def test_a_step_that_waits_for_itself_is_a_cycle():
    assert "a -> a" in refused(task(step("a", after=["a"]))).message


def test_a_step_that_waits_for_its_own_block_is_refused():
    error = refused(task(loop("each", [1], step("inner", after=["each"]))))

    assert error.field == "workflow.steps.each.steps.inner.after"


def test_an_unknown_dependency_gets_the_nearest_name():
    error = refused(task(step("conformer"), step("b", after=["confromer"])))

    assert error.field == "workflow.steps.b.after"
    assert "conformer" in error.fix


def test_a_reference_to_an_output_that_no_step_makes_is_refused():
    error = refused(task(step("a", inputs={"x": ["$steps.missing", "$steps.a2"]}), step("a2")))

    assert error.field == "workflow.steps.a.inputs.x"
    assert "missing" in error.message


def test_a_reference_into_a_block_from_outside_names_the_block():
    error = refused(task(loop("each", [1], loop("deep", [2], step("inner"))), step("b", inputs={"x": "$steps.inner"})))

    assert "'each'" in error.fix
    assert error.field == "workflow.steps.b.inputs.x"


def test_an_output_of_the_task_that_no_step_makes_is_refused():
    assert refused(task(step("a"), outputs={"best": "$steps.b"})).field == "workflow.outputs.best"


@pytest.mark.parametrize(
    "steps",
    [
        (step("a"), step("a")),
        (step("a"), loop("each", [1], step("a"))),
        (loop("each", [1], step("x")), loop("other", [1], step("x"))),
        (loop("same", [1], step("same")),),
    ],
)
def test_ids_are_unique_at_every_depth(steps):
    assert "used 2 times" in refused(task(*steps)).message


def test_an_unknown_capability_gets_the_nearest_name():
    error = refused(task(step("a", "anythin")))

    assert error.field == "workflow.steps.a.capability"
    assert error.fix == "did you mean 'anything'?"


def test_an_unknown_agent_gets_the_nearest_name():
    error = refused(task(step("a", agent="dare")))

    assert error.field == "workflow.steps.a.agent"
    assert error.fix == "did you mean 'dear'?"


def test_an_agent_that_does_not_offer_the_capability_cannot_be_pinned():
    error = refused(task(loop("each", [1], step("a", agent="slow"))))

    assert error.field == "workflow.steps.each.steps.a.agent"
    assert "free, dear" in error.fix


def test_a_missing_task_input_is_named():
    error = refused(task(step("a", inputs={"x": "$inputs.molecule"}), inputs={"molecules": []}))

    assert error.field == "workflow.steps.a.inputs.x"
    assert "molecules" in error.fix


def test_a_path_that_leads_nowhere_in_a_task_input_is_refused():
    error = refused(task(step("a", inputs={"x": "$inputs.m.0.name"}), inputs={"m": [{"smiles": "O"}]}))

    assert "no 'name' at 0" in error.message


def test_a_field_that_no_agent_gives_is_refused():
    error = refused(task(step("o", "open", inputs={"path": "p"}), step("b", inputs={"x": "$steps.o.point"})))

    assert error.field == "workflow.steps.b.inputs.x"
    assert "no 'point'" in error.message


@pytest.mark.parametrize("path", ["points", "points.0", "points.3.x", "points.0.tags.1"])
def test_fields_that_the_schema_has_pass_at_every_depth(path):
    check(task(step("o", "open", inputs={"path": "p"}), step("b", inputs={"x": f"$steps.o.{path}"})), CATALOG)


@pytest.mark.parametrize("path", ["points.x", "points.0.y", "points.0.x.z", "points.0.tags.first"])
def test_fields_that_the_schema_lacks_are_refused_at_every_depth(path):
    refused(task(step("o", "open", inputs={"path": "p"}), step("b", inputs={"x": f"$steps.o.{path}"})))


def test_a_field_of_what_undeclared_agents_give_is_let_pass():
    check(task(step("a"), step("b", inputs={"x": "$steps.a.whatever.0"})), CATALOG)


def test_a_field_of_a_block_is_refused_for_it_gives_a_list():
    error = refused(task(loop("each", [1], step("inner")), step("b", inputs={"x": "$steps.each.gap"})))

    assert "list" in error.fix


def test_item_outside_a_block_is_refused():
    assert "for_each" in refused(task(step("a", inputs={"x": "$item.name"}))).message
    assert refused(task(step("a"), outputs={"x": "$item"})).field == "workflow.outputs.x"
    assert refused(task(loop("each", "$item", step("a")))).field == "workflow.steps.each.for_each"


def test_a_part_that_some_elements_lack_is_refused():
    over = [{"name": "water"}, {"nmae": "benzene"}]

    error = refused(task(loop("each", "$inputs.m", step("a", inputs={"x": "$item.name"})), inputs={"m": over}))

    assert error.field == "workflow.steps.each.steps.a.inputs.x"


@pytest.mark.parametrize("over", [3, "text", "$inputs.m", "$steps.o.points.0.x"])
def test_a_for_each_over_no_list_is_refused(over):
    steps = step("o", "open", inputs={"path": "p"}), loop("each", over, step("a"))

    assert refused(task(*steps, inputs={"m": {"a": 1}})).field == "workflow.steps.each.for_each"


def test_a_for_each_over_what_a_step_gives_passes():
    steps = step("o", "open", inputs={"path": "p"}), loop("e", "$steps.o.points", step("a", inputs={"x": "$item.x"}))

    check(task(*steps), CATALOG)


def test_the_output_of_a_block_is_one_of_its_steps():
    error = refused(task(loop("each", [1], step("first"), step("second"), output="frist")))

    assert error.field == "workflow.steps.each.output"
    assert "first" in error.fix


def test_a_missing_input_is_named():
    error = refused(task(step("o", "open")))

    assert error.field == "workflow.steps.o.inputs"
    assert "'path'" in error.message


def test_an_unknown_input_gets_the_nearest_name():
    error = refused(task(step("o", "open", inputs={"path": "p", "mod": "r"})))

    assert "'mod'" in error.message
    assert "mode" in error.message


@pytest.mark.parametrize(
    ("schema", "inputs", "takes"),
    [
        (None, {"x": 1}, True),
        ({"type": "object"}, {"x": 1}, True),
        ({"type": "object", "properties": {}}, {"x": 1}, False),
        ({"type": "object", "properties": {}}, {}, True),
        ({"type": "object", "properties": {"y": {}}, "additionalProperties": True}, {"x": 1}, True),
        ({"type": "object", "properties": {"y": {}}, "additionalProperties": {"type": "number"}}, {"x": 1}, True),
        ({"type": "object", "properties": {"y": {}}, "required": ["y"]}, {}, False),
    ],
)
def test_what_an_agent_takes_is_what_its_schema_names(schema, inputs, takes):
    agent = AgentSpec(name="a", capability="c", input_schema=schema)

    assert (accepts(agent, Step(id="s", capability="c", inputs=inputs)) is None) is takes


def test_a_resource_that_no_node_can_ever_give_is_refused():
    error = refused(task(step("a", "big")))

    assert "gpus 4" in error.message
    assert "a node has 1" in error.message


def test_resources_go_unchecked_where_no_cluster_is_known():
    check(task(step("a", "big")), CATALOG, None)
    check(task(step("a", "big")), CATALOG, ClusterSnapshot(nodes=()))


def test_a_quality_that_no_agent_has_is_refused_where_it_is_asked():
    assert refused(task(step("a"), objective={"min_quality": 0.95})).field == "objective.min_quality"
    assert refused(task(step("a", min_quality=0.95))).field == "workflow.steps.a.min_quality"
    assert refused(task(step("a", agent="free", min_quality=0.7))).fix == "ask for 0.6 at most"


def test_a_goal_cannot_ask_for_more_quality_than_there_is():
    catalog = Catalog(agents=(AgentSpec(name="a", capability="c", quality=0.5),))

    with pytest.raises(InvalidTask, match=r"objective\.min_quality"):
        check(Task.model_validate({"goal": "x", "objective": {"min_quality": 0.9}}), catalog)


def test_a_budget_below_the_cheapest_calls_is_refused():
    over = list(range(20))
    poor = task(loop("each", over, step("a")), limits={"budget_usd": 0.1})
    choosy = task(step("a"), objective={"min_quality": 0.8}, limits={"budget_usd": 0.1})

    assert refused(poor).field == "limits.budget_usd"
    assert "$0.2" in refused(poor).message
    assert "$0.5" in refused(choosy).message
    check(task(loop("each", over, step("a")), limits={"budget_usd": 0.2}), CATALOG)


def test_a_deadline_below_any_conceivable_critical_path_is_refused():
    chain = step("a", "slow"), step("b", "slow", after=["a"]), step("c", "slow")

    assert refused(task(*chain, limits={"deadline_s": 15})).field == "limits.deadline_s"
    check(task(*chain, limits={"deadline_s": 25}), CATALOG)


def test_a_deadline_counts_a_block_once_and_an_unknown_one_not_at_all():
    check(task(loop("each", [1, 2, 3], step("a", "slow")), limits={"deadline_s": 11}), CATALOG)
    check(task(step("o"), loop("each", "$steps.o", step("a", "slow")), limits={"deadline_s": 1}), CATALOG)
    refused(task(loop("each", [1], step("a", "slow")), limits={"deadline_s": 9}))


def test_too_many_steps_are_refused_before_they_are_made():
    over = list(range(1000))

    error = refused(task(loop("outer", over, loop("inner", over, step("a")))))

    assert "1e+06 steps" in error.message


def test_a_catalog_without_agents_can_do_nothing():
    with pytest.raises(InvalidTask, match="no agents"):
        check(Task(goal="x"), Catalog())


def test_the_plan_of_an_oracle_names_known_agents():
    planned = {
        "step": step("a"),
        "placement": {"agent": "deer", "node": "n1"},
        "work_key": "k",
    }
    planning = {"mode": "oracle", "plan": {"kind": "optimal", "steps": [planned]}}

    assert refused(task(step("a"), planning=planning)).field == "planning.plan.steps.a.placement.agent"


def test_all_flaws_of_a_stage_are_found():
    found = list(flaws(task(step("a", "x"), step("b", agent="y"), step("c", "big")), CATALOG, CLUSTER))

    assert [flaw.field.split(".")[2] for flaw in found] == ["a", "b", "c"]


def test_a_refusal_pickles():
    error = refused(task(step("a", "x")))

    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert (again.message, again.field, again.fix) == (error.message, error.field, error.fix)


@pytest.mark.parametrize(
    ("document", "field", "fix"),
    [
        ({"gaol": "x"}, "gaol", "goal"),
        ({"goal": "x", "limits": {"deadline": 3}}, "limits.deadline", "deadline_s"),
        ({"workflow": {"steps": []}}, "workflow.steps", "at least 1"),
        (
            {"workflow": {"steps": [loop("e", [1], step("a", capbility="x"))]}},
            "workflow.steps.0.steps.0.capbility",
            "capability",
        ),
        ({"workflow": {"steps": [{"id": "g", "goal": "x", "imputs": {}}]}}, "workflow.steps.0.imputs", "inputs"),
        ({"goal": "x", "planning": {"mode": "oracle"}}, "planning", "give both or neither"),
        ({"goal": "x", "planning": {"mode": "guess"}}, "planning.mode", "forerun"),
        ({"goal": "x", "objective": {"latency_weight": 0}}, "objective", "give one a weight"),
        ({"goal": "x", "limits": {"deadline_s": float("nan")}}, "limits.deadline_s", "greater"),
    ],
)
def test_what_pydantic_says_is_told_in_our_words(document, field, fix):
    with pytest.raises(ValidationError) as caught:
        Task.model_validate(document)

    first = explain(caught.value)[0]

    assert first.field == field
    assert fix in f"{first.message} {first.fix}"


@st.composite
def sound_tasks(draw: st.DrawFn) -> Task:
    """Random DAGs of steps and blocks whose references all lead somewhere."""
    nodes: list[dict[str, Any]] = []
    for index in range(draw(st.integers(1, 6))):
        known = [node["id"] for node in nodes]
        wanted = draw(st.lists(st.sampled_from(known), unique=True)) if known else []
        inputs = {f"p{i}": f"$steps.{ref}" for i, ref in enumerate(wanted)} | {"m": "$inputs.m.0.name"}
        if draw(st.booleans()):
            over = draw(st.sampled_from(["$inputs.m", [{"name": 1}], "$inputs.empty"]))
            inner = step(f"i{index}", inputs={**inputs, "n": "$item.name"})
            tail = step(f"t{index}", inputs={"x": f"$steps.i{index}.any", "all": ["$item", f"$steps.i{index}"]})
            nodes.append(loop(f"n{index}", over, inner, tail))
        else:
            nodes.append(step(f"n{index}", inputs=inputs, after=draw(st.sampled_from([[], wanted]))))
    order = draw(st.permutations(nodes))
    return task(
        *order, inputs={"m": [{"name": "a"}, {"name": "b"}], "empty": []}, outputs={"last": f"$steps.{nodes[-1]['id']}"}
    )


@given(sound_tasks())
def test_a_sound_task_passes_and_can_be_unrolled(given):
    check(given, CATALOG, CLUSTER)

    assert given.workflow is not None
    flat = flatten(given.workflow, given.inputs)
    assert not flat.pending
    assert set(flat.outputs) == {"last"}
