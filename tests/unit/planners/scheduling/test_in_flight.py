"""Attempts in flight are execution modes like others, and for some steps the only one."""

import pytest

from planners.agents import AgentSpec, Catalog, Price
from planners.cluster import ClusterNode, ClusterSnapshot, Reservation
from planners.costs import PriorCosts
from planners.model import StepId, WorkKey
from planners.requests import InFlight, PlanRequest
from planners.resources import Resources
from planners.scheduling.cp_sat.solver import schedule
from planners.scheduling.list_scheduling.list_schedule import list_schedule
from planners.scheduling.validate import violations
from planners.tasks import Limits, Task
from planners.work_keys import InputDigests, work_keys
from planners.workflow import FlatWorkflow, Step, Workflow

CHAIN = (Step(id="a", capability="a"), Step(id="b", capability="b", inputs={"x": "$steps.a"}))
QUICK_AND_SLOW = (
    AgentSpec(name="slow", capability="a", expected_s=5.0),
    AgentSpec(name="quick", capability="a", expected_s=0.1),
    AgentSpec(name="only", capability="b", expected_s=5.0),
)
BOTH = pytest.mark.parametrize("make", [list_schedule, lambda *asked: schedule(*asked, time_limit_s=1.0)])


def node(name: str = "n", cpus: float = 4.0) -> ClusterNode:
    return ClusterNode(id=name, node_class="cpu", total=Resources(cpus=cpus))


NODES = (node(),)


def asked(steps=CHAIN, agents=QUICK_AND_SLOW, nodes=NODES, reservations=(), limits=None, **rest) -> PlanRequest:
    task = Task(workflow=Workflow(steps=steps), limits=limits or Limits())
    cluster = ClusterSnapshot(nodes=nodes, reservations=reservations)
    return PlanRequest(task=task, catalog=Catalog(agents=agents), cluster=cluster, **rest)


def keys_of(*pairs: tuple[Step, str]) -> dict[StepId, WorkKey]:
    return work_keys([(step, f"{agent}@1") for step, agent in pairs], InputDigests({}))


def planned(make, request: PlanRequest):
    flat = FlatWorkflow(steps=request.task.workflow.steps)
    plan = make(flat, request, PriorCosts())
    return plan, violations(plan, flat, request, PriorCosts())


@BOTH
@pytest.mark.parametrize("budget_usd", [None, 1.0])
def test_a_running_attempt_continues_although_its_only_agent_has_failed_elsewhere(make, budget_usd):
    steps = CHAIN[:1]
    running = InFlight(work_key=keys_of((steps[0], "slow"))["a"], agent="slow", node="n", elapsed_s=1.0)
    request = asked(
        steps,
        QUICK_AND_SLOW[:1],
        in_flight=(running,),
        without_agents=("slow",),
        limits=Limits(budget_usd=budget_usd),
    )

    plan, wrong = planned(make, request)

    assert (plan.by_id["a"].placement.agent, plan.makespan_s, wrong) == ("slow", 4.0, [])


@BOTH
@pytest.mark.parametrize("child_has_finished", [True, False])
def test_the_inputs_of_an_irreplaceable_attempt_are_kept_although_another_agent_is_faster(make, child_has_finished):
    keys = keys_of((CHAIN[0], "slow"), (CHAIN[1], "only"))
    parent = InFlight(work_key=keys["a"], agent="slow", node="n", elapsed_s=0.0)
    child = InFlight(work_key=keys["b"], agent="only", node="n", elapsed_s=1.0, finished=child_has_finished)

    plan, wrong = planned(make, asked(in_flight=(parent, child), without_agents=("only",)))

    assert [one.placement.agent for one in plan.steps] == ["slow", "only"]
    assert not wrong


@BOTH
def test_an_irreplaceable_attempt_continues_although_its_node_has_been_reserved(make):
    running = InFlight(work_key=keys_of((CHAIN[0], "slow"))["a"], agent="slow", node="n")
    held = Reservation(node="n", resources=Resources(cpus=4), end_s=3.0)
    request = asked(CHAIN[:1], QUICK_AND_SLOW[:1], in_flight=(running,), without_agents=("slow",), reservations=(held,))

    plan, _ = planned(make, request)

    assert plan.by_id["a"].placement.agent == "slow"


def test_a_wide_join_of_steps_with_two_attempts_each_is_matched_in_bounded_time():
    parts = tuple(Step(id=f"p{i}", capability="a", inputs={"i": i}) for i in range(60))
    join = Step(id="join", capability="b", inputs={"all": [f"$steps.{part.id}" for part in parts]})
    flights = tuple(
        InFlight(work_key=key, agent=agent, node="n", finished=True)
        for agent in ("slow", "quick")
        for key in keys_of(*((part, agent) for part in parts)).values()
    )

    plan, wrong = planned(list_schedule, asked((*parts, join), in_flight=flights))

    assert plan.by_id["join"].placement.start_s == 0.0
    assert not wrong


@BOTH
@pytest.mark.parametrize(("has_finished", "makespan_s"), [(True, 0.0), (False, 5.0)])
def test_on_a_node_the_agent_no_longer_fits_finished_attempts_count_and_running_ones_do_not(
    make, has_finished, makespan_s
):
    """The agent's new declaration needs more than the node of its attempt has."""
    agent = AgentSpec(name="slow", capability="a", expected_s=5.0, resources=Resources(cpus=2))
    flight = InFlight(work_key=keys_of((CHAIN[0], "slow"))["a"], agent="slow", node="small", finished=has_finished)

    plan, wrong = planned(make, asked(CHAIN[:1], (agent,), (node("small", 1), node("large")), in_flight=(flight,)))

    assert (plan.makespan_s, wrong) == (makespan_s, [])


PRICED = (
    AgentSpec(name="dear", capability="a", price=Price(usd_per_call=3)),
    AgentSpec(name="cheap", capability="a", price=Price(usd_per_call=2)),
    AgentSpec(name="only", capability="b", price=Price(usd_per_call=2)),
)


@BOTH
def test_a_finished_step_is_not_repeated_although_its_identical_twin_must_then_use_the_dearer_agent(make):
    twins = (Step(id="one", capability="a"), Step(id="two", capability="a"))
    finished = keys_of((twins[0], "dear"), (twins[1], "dear"))["two"]
    flight = InFlight(work_key=finished, agent="dear", node="n", finished=True)

    plan, wrong = planned(make, asked(twins, PRICED, in_flight=(flight,), limits=Limits(budget_usd=3)))

    assert [(step.placement.agent, step.placement.usd) for step in plan.steps] == [("dear", 3.0), ("dear", 0.0)]
    assert not wrong


@BOTH
def test_of_several_finished_attempts_the_one_that_a_finished_child_has_read_is_kept(make):
    parents = [
        InFlight(work_key=keys_of((CHAIN[0], name))["a"], agent=name, node="n", finished=True)
        for name in ("dear", "cheap")
    ]
    read = keys_of((CHAIN[0], "cheap"), (CHAIN[1], "only"))["b"]
    child = InFlight(work_key=read, agent="only", node="n", finished=True)

    plan, wrong = planned(make, asked(CHAIN, PRICED, in_flight=(*parents, child), limits=Limits(budget_usd=0)))

    assert [(step.placement.agent, step.placement.usd) for step in plan.steps] == [("cheap", 0.0), ("only", 0.0)]
    assert not wrong


@BOTH
def test_a_running_attempt_gives_way_if_only_then_the_budget_suffices(make):
    """Continuing the first step's attempt would leave the second, identical one without its finished work."""
    twins = (Step(id="one", capability="a"), Step(id="two", capability="a"))
    per_s = tuple(agent.model_copy(update={"price": Price(usd_per_s=agent.price.usd_per_call)}) for agent in PRICED)
    running = InFlight(work_key=keys_of((twins[0], "cheap"))["one"], agent="cheap", node="n", elapsed_s=0.5)
    two = keys_of((twins[0], "dear"), (twins[1], "dear"))["two"]
    finished = InFlight(work_key=two, agent="dear", node="n", finished=True)

    plan, wrong = planned(make, asked(twins, per_s, in_flight=(running, finished), limits=Limits(budget_usd=3)))

    assert [(step.placement.agent, step.placement.usd) for step in plan.steps] in (
        [("dear", 3.0), ("dear", 0.0)],
        [("cheap", 1.0), ("cheap", 2.0)],
    )
    assert not wrong
