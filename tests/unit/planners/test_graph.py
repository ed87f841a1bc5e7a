"""The shape of a plan: cycles, critical path, slack, parallelism, and exports that other programs read."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planners.graph import PlanGraph, cycle
from planners.plans import Placement, Plan, PlannedStep
from planners.workflow import Step


def plan(*steps):
    """Each step: (id, seconds, parents)."""
    return Plan(
        kind="optimal",
        steps=tuple(
            PlannedStep(
                step=Step(id=name, capability="c", after=parents),
                placement=Placement(agent="a", node="n", duration_s=seconds, usd=0.25),
                work_key=name,
            )
            for name, seconds, parents in steps
        ),
    )


DIAMOND = plan(("a", 1, ()), ("b", 3, ("a",)), ("c", 1, ("a",)), ("d", 1, ("b", "c", "a")))


def test_a_diamond():
    figures = PlanGraph(DIAMOND).figures()

    assert figures.critical_path == ("a", "b", "d")
    assert figures.floor_s == 5
    assert figures.work_s == 6
    assert figures.useful_parallelism == 2
    assert figures.slack_s == {"a": 0, "b": 0, "c": 2, "d": 0}
    assert figures.usd == 1.0


def test_an_empty_plan_has_no_figures():
    figures = PlanGraph(plan()).figures()

    assert figures.critical_path == ()
    assert figures.useful_parallelism == 0


def test_steps_that_follow_each_other_do_not_count_as_parallel():
    assert PlanGraph(plan(("a", 0.1, ()), ("b", 0.2, ("a",)), ("c", 0.3, ("b",)))).useful_parallelism() == 1


def test_implied_edges_are_left_out_of_drawings():
    assert ("a", "d") not in PlanGraph(DIAMOND).reduced_edges()
    assert '"a" -> "d"' not in PlanGraph(DIAMOND).as_dot()


def test_a_cycle_is_refused():
    with pytest.raises(ValueError, match="cycle"):
        PlanGraph(plan(("a", 1, ("b",)), ("b", 1, ("a",))))


def test_the_shortest_cycle_through_the_first_node_on_one_is_reported():
    assert cycle({"x": [], "a": ["d"], "b": ["a"], "c": ["b"], "d": ["c", "b"]}) == ["a", "b", "d"]
    assert cycle({"a": ["a"]}) == ["a"]
    assert cycle({"a": [], "b": ["a"]}) is None


def test_exports_label_steps_with_agent_and_duration():
    graph = PlanGraph(plan(("a:b/c", 1, ())))

    assert json.loads(json.dumps(graph.as_node_link()))["nodes"][0]["id"] == "a:b/c"
    assert '"a:b/c" [label="a:b/c\\na, 1 s"];' in graph.as_dot()
    assert 's0["a:b/c<br/>a, 1 s"]' in graph.as_mermaid()


@st.composite
def plans(draw):
    steps = []
    for index in range(draw(st.integers(1, 12))):
        parents = draw(st.lists(st.sampled_from([name for name, *_ in steps]), unique=True)) if steps else []
        steps.append((f"s{index}", draw(st.integers(0, 9)), tuple(parents)))
    return plan(*steps)


@given(plans())
def test_a_step_that_ends_later_by_its_slack_delays_nothing_and_by_more_does(given):
    figures = PlanGraph(given).figures()

    for step, slack_s in figures.slack_s.items():
        for extra_s, delayed in ((slack_s, False), (slack_s + 1, True)):
            longer = plan(
                *(
                    (item.id, item.placement.duration_s + extra_s * (item.id == step), item.step.after)
                    for item in given.steps
                )
            )
            assert (PlanGraph(longer).figures().floor_s > figures.floor_s) is delayed


@given(plans())
def test_the_critical_path_is_a_chain_that_takes_the_floor(given):
    figures = PlanGraph(given).figures()
    path = figures.critical_path

    assert sum(given.by_id[step].placement.duration_s for step in path) == figures.floor_s
    assert all(parent in given.by_id[child].step.parents for parent, child in pairwise(path))
