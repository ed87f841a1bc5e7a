"""A step that no agent can do is refused with the field and the fix."""

import pytest
from tasks_to_refuse import CATALOG, loop, refused, step, task

from planners.agents import AgentSpec, Catalog
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.eligibility import refused_input
from planners.errors import InvalidTask
from planners.resources import CONTAINERS, Resources
from planners.tasks import Task
from planners.validation import check
from planners.workflow import Step


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

    assert (refused_input(agent, Step(id="s", capability="c", inputs=inputs)) is None) is takes


def test_a_resource_that_no_node_can_ever_give_is_refused():
    error = refused(task(step("a", "big")))

    assert "gpus 4" in error.message
    assert "a node has 1" in error.message


def test_a_command_in_a_container_is_refused_where_no_node_runs_any_with_what_to_install():
    needs = Resources(cpus=1, custom={CONTAINERS: 1})
    catalog = Catalog(agents=(AgentSpec(name="boxed", capability="anything", kind="command", resources=needs),))
    cluster = ClusterSnapshot(nodes=(ClusterNode(id="n", node_class="c", total=Resources(cpus=4)),))

    with pytest.raises(InvalidTask) as refusal:
        check(task(step("a")), catalog, cluster)

    assert "boxed needs containers 1 where a node has 0" in refusal.value.message
    assert "install podman" in refusal.value.fix


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
