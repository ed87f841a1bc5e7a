"""Plans on small clusters whose optimal plan is known."""

import pytest

from planners.agents import AgentSpec, Catalog, Price, Provider
from planners.cluster import ClusterNode, ClusterSnapshot, Reservation
from planners.costs import PriorCosts
from planners.errors import Infeasible
from planners.plans import Plan, PlanKind
from planners.requests import InFlight, PlanRequest
from planners.resources import Resources
from planners.scheduling.cp_sat.solver import schedule
from planners.scheduling.list_scheduling.list_schedule import best_list_schedule, list_schedule
from planners.scheduling.validate import violations
from planners.tasks import Limits, Objective, PlanningOptions, Task
from planners.workflow import FlatWorkflow, Step, Workflow

COSTS = PriorCosts()
ONE = ClusterNode(id="n0", node_class="k", total=Resources(cpus=1))
TWO = ClusterNode(id="n1", node_class="k", total=Resources(cpus=1))


def chain(*capabilities: str) -> FlatWorkflow:
    return FlatWorkflow(
        steps=tuple(
            Step(id=f"s{i}", capability=name, inputs={"x": f"$steps.s{i - 1}"} if i else {})
            for i, name in enumerate(capabilities)
        )
    )


def fan(count: int, capability: str = "a") -> FlatWorkflow:
    return FlatWorkflow(steps=tuple(Step(id=f"s{i}", capability=capability) for i in range(count)))


def agent(name: str, capability: str = "a", expected_s: float = 1.0, **rest) -> AgentSpec:
    return AgentSpec(name=name, capability=capability, expected_s=expected_s, **rest)


def asked(flat: FlatWorkflow, *agents: AgentSpec, nodes=(ONE,), providers=(), **rest) -> PlanRequest:
    of_task = {key: rest.pop(key) for key in ("objective", "limits", "planning") if key in rest}
    cluster = ClusterSnapshot(
        nodes=nodes, **{key: rest.pop(key) for key in ("reservations", "warm", "latency_s") if key in rest}
    )
    catalog = Catalog(agents=agents, providers=providers)
    return PlanRequest(
        task=Task(workflow=Workflow(steps=flat.steps), **of_task), catalog=catalog, cluster=cluster, **rest
    )


def planned(flat: FlatWorkflow, request: PlanRequest, **options) -> Plan:
    plan = schedule(flat, request, COSTS, time_limit_s=5, **options)
    assert violations(plan, flat, request, COSTS) == []
    return plan


def test_an_empty_workflow_has_an_empty_plan():
    flat = FlatWorkflow()
    request = PlanRequest(task=Task(goal="nothing yet"), catalog=Catalog(), cluster=ClusterSnapshot(nodes=(ONE,)))
    assert schedule(flat, request, COSTS, time_limit_s=1).steps == ()
    assert list_schedule(flat, request, COSTS).steps == ()


def test_an_empty_workflow_needs_no_node():
    """A workflow whose first for_each or goal is still pending, on a cluster that is still starting."""
    flat = FlatWorkflow()
    request = asked(fan(1), agent("x"), nodes=())
    assert (planned(flat, request).steps, list_schedule(flat, request, COSTS).steps) == ((), ())


def test_independent_steps_share_equal_nodes():
    flat = fan(4)
    plan = planned(flat, asked(flat, agent("x"), nodes=(ONE, TWO)))
    assert (plan.makespan_s, plan.gap, plan.kind) == (2.0, 0.0, PlanKind.OPTIMAL)
    assert sorted(step.placement.node for step in plan.steps) == ["n0", "n0", "n1", "n1"]


def test_placements_contain_the_node_class_so_that_equal_nodes_are_recognised():
    flat = fan(2)
    one, other = (step.placement for step in planned(flat, asked(flat, agent("x"), nodes=(ONE, TWO))).steps)
    assert one.node != other.node
    assert one.equals_node_of(other)


def test_a_large_output_keeps_its_reader_on_the_same_node():
    flat = chain("a", "a")
    plan = planned(flat, asked(flat, agent("x", output_bytes=2_000_000_000), nodes=(ONE, TWO)))
    assert plan.makespan_s == 2.0
    assert len({step.placement.node for step in plan.steps}) == 1


def test_every_resource_of_a_node_is_limited():
    flat = FlatWorkflow(steps=(*fan(2).steps, Step(id="m", capability="mem")))
    node = ClusterNode(id="n0", node_class="k", total=Resources(cpus=3, memory_bytes=10))
    hungry = agent("m", "mem", resources=Resources(cpus=1, memory_bytes=8))
    request = asked(flat, agent("x", resources=Resources(cpus=1, memory_bytes=3)), hungry, nodes=(node,))
    assert planned(flat, request).makespan_s == 2.0


def test_a_warm_node_is_preferred_to_a_cold_one():
    flat = fan(1)
    request = asked(flat, agent("x", cold_start_s=3.0), nodes=(ONE, TWO), warm=frozenset({("x", "n1")}))
    assert planned(flat, request).steps[0].placement.node == "n1"


def test_steps_are_scheduled_around_reservations():
    flat = fan(1)
    held = Reservation(node="n0", resources=Resources(cpus=1), start_s=0.5, end_s=4.0)
    request = asked(flat, agent("x"), reservations=(held,))
    assert planned(flat, request).steps[0].placement.start_s == 4.0
    assert list_schedule(flat, request, COSTS).steps[0].placement.start_s == 4.0


@pytest.mark.parametrize(
    ("limits", "makespan_s"),
    [
        ({"max_concurrent": 2}, 2.0),
        ({"requests_per_s": 1.0}, 4.0),
        ({"requests_per_s": 0.5}, 7.0),
        ({"tokens_per_s": 50.0}, 7.0),
    ],
)
def test_provider_limits_hold_across_nodes(limits, makespan_s):
    flat = fan(4)
    hosted = agent("x", provider="p", tokens_per_call=100, resources=Resources())
    request = asked(flat, hosted, nodes=(ONE, TWO), providers=(Provider(name="p", **limits),))
    assert planned(flat, request).makespan_s == makespan_s
    assert list_schedule(flat, request, COSTS).makespan_s == makespan_s


def test_reserved_calls_of_a_provider_are_not_available():
    flat = fan(1)
    hosted = agent("x", provider="p", resources=Resources())
    held = Reservation(provider="p", calls=2, end_s=3.0)
    request = asked(flat, hosted, providers=(Provider(name="p", max_concurrent=2),), reservations=(held,))
    assert planned(flat, request).steps[0].placement.start_s == 3.0


def test_the_budget_goes_to_the_step_where_it_saves_most():
    flat = chain("a", "b")
    agents = [
        agent("a-slow", "a", 4.0),
        agent("a-fast", "a", 3.0, price=Price(usd_per_call=1)),
        agent("b-slow", "b", 9.0),
        agent("b-fast", "b", 2.0, price=Price(usd_per_call=1)),
    ]
    plan = planned(flat, asked(flat, *agents, limits=Limits(budget_usd=1.0)))
    assert [step.placement.agent for step in plan.steps] == ["a-slow", "b-fast"]
    richer = asked(flat, *agents, limits=Limits(budget_usd=2.5), spent_usd=0.5)
    assert planned(flat, richer).makespan_s == 5.0


def test_the_objective_weighs_cost_against_time():
    flat = fan(1)
    agents = [agent("slow", expected_s=3.0), agent("fast", price=Price(usd_per_call=1))]
    cheap = planned(flat, asked(flat, *agents, objective=Objective(usd_weight=3)))
    fast = planned(flat, asked(flat, *agents, objective=Objective(usd_weight=1)))
    only_usd = planned(flat, asked(flat, *agents, objective=Objective(latency_weight=0, usd_weight=1)))
    assert [plan.steps[0].placement.agent for plan in (cheap, fast, only_usd)] == ["slow", "fast", "slow"]


def test_pinned_agents_and_minimum_qualities_are_respected():
    agents = [agent("rough", quality=0.4), agent("fine", expected_s=2.0, quality=0.9)]
    pinned = FlatWorkflow(steps=(Step(id="s0", capability="a", agent="fine"),))
    floored = FlatWorkflow(steps=(Step(id="s0", capability="a", min_quality=0.5),))
    for flat in (pinned, floored):
        assert planned(flat, asked(flat, *agents)).steps[0].placement.agent == "fine"


def test_an_agent_that_does_not_accept_the_inputs_is_no_candidate():
    takes = {"type": "object", "properties": {"text": {}}, "required": ["text"]}
    agents = [agent("quick", input_schema=takes), agent("plain", expected_s=5.0)]
    flat = FlatWorkflow(
        steps=(
            Step(id="s0", capability="a", inputs={"text": "x"}),
            Step(id="s1", capability="a", inputs={"path": "x"}),
            Step(id="s2", capability="a", inputs={"text": "x", "path": "y"}),
        )
    )
    nodes = (ONE, TWO, ClusterNode(id="n2", node_class="k", total=Resources(cpus=1)))
    request = asked(flat, *agents, nodes=nodes)
    for plan in (planned(flat, request), list_schedule(flat, request, COSTS)):
        assert [step.placement.agent for step in plan.steps] == ["quick", "plain", "plain"]


def test_inputs_that_no_agent_accepts_are_reported():
    takes = {"type": "object", "properties": {"text": {}}, "required": ["text"]}
    flat = FlatWorkflow(steps=(Step(id="s0", capability="a", inputs={"path": "x"}),))
    with pytest.raises(Infeasible, match="no agent takes its inputs") as caught:
        list_schedule(flat, asked(flat, agent("quick", input_schema=takes)), COSTS)
    assert caught.value.field == "workflow.steps.s0.inputs"


def test_among_equal_plans_the_better_agent_is_chosen():
    flat = fan(1)
    agents = [agent("plain", quality=0.5), agent("good", quality=0.9)]
    for make in (planned, lambda flat, request: list_schedule(flat, request, COSTS)):
        assert make(flat, asked(flat, *agents)).steps[0].placement.agent == "good"


def test_a_step_with_slack_gets_the_better_agent():
    steps = (Step(id="long", capability="l"), Step(id="short", capability="a"))
    flat = FlatWorkflow(steps=steps)
    agents = [agent("l", "l", 5.0), agent("quick", quality=0.5), agent("good", expected_s=3.0, quality=0.9)]
    assert planned(flat, asked(flat, *agents, nodes=(ONE, TWO))).by_id["short"].placement.agent == "good"


def test_an_attempt_in_flight_is_kept_when_finishing_there_beats_moving():
    flat = chain("a", "b")
    fast = ClusterNode(id="fast", node_class="f", total=Resources(cpus=1), speed=2.0)
    agents = [agent("x", "a", 10.0), agent("y", "b", 1.0)]
    before = planned(flat, asked(flat, *agents, nodes=(ONE,)))
    key = before.steps[0].work_key
    for elapsed_s, node, end_s in ((8.0, "n0", 2.0), (1.0, "fast", 5.0)):
        flight = InFlight(work_key=key, agent="x", node="n0", elapsed_s=elapsed_s)
        request = asked(flat, *agents, nodes=(ONE, fast), in_flight=(flight,))
        for plan in (planned(flat, request), list_schedule(flat, request, COSTS)):
            assert (plan.steps[0].placement.node, plan.steps[0].placement.end_s) == (node, end_s)


def test_finished_work_takes_no_time_and_costs_nothing():
    flat = chain("a", "b")
    agents = [agent("x", "a", 10.0, price=Price(usd_per_call=5)), agent("y", "b", 1.0)]
    key = planned(flat, asked(flat, *agents)).steps[0].work_key
    flight = InFlight(work_key=key, agent="x", node="n0", elapsed_s=10.0, finished=True)
    request = asked(flat, *agents, in_flight=(flight,), limits=Limits(budget_usd=0.0))
    plan = planned(flat, request)
    assert (plan.makespan_s, plan.usd) == (1.0, 0.0)


def test_work_in_flight_on_a_lost_node_is_scheduled_again():
    flat = fan(1)
    key = planned(flat, asked(flat, agent("x"))).steps[0].work_key
    request = asked(flat, agent("x"), in_flight=(InFlight(work_key=key, agent="x", node="gone", finished=True),))
    assert planned(flat, request).makespan_s == 1.0


def test_equal_plans_keep_the_placement_of_the_hint():
    flat = fan(2)
    request = asked(flat, agent("x"), nodes=(ONE, TWO))
    hint = list_schedule(flat, request, COSTS)
    swapped = hint.model_copy(
        update={
            "steps": tuple(
                step.model_copy(update={"placement": step.placement.model_copy(update={"node": node})})
                for step, node in zip(hint.steps, ("n1", "n0"), strict=True)
            )
        }
    )
    plan = planned(flat, request, hint=swapped)
    assert [step.placement.node for step in plan.steps] == ["n1", "n0"]


def test_a_hint_that_is_no_longer_possible_is_ignored():
    flat = fan(2)
    hint = list_schedule(flat, asked(flat, agent("old")), COSTS)
    assert planned(flat, asked(flat, agent("new")), hint=hint).makespan_s == 2.0


def test_improvements_are_reported_during_the_search_and_the_clock_measures_planning_time():
    flat = FlatWorkflow(steps=(*fan(3, "a").steps, *(Step(id=f"t{i}", capability="b") for i in range(4))))
    agents = [
        agent("a-thin", "a", 4.0), agent("a-wide", "a", 2.5, resources=Resources(cpus=2)),
        agent("b-thin", "b", 3.0), agent("b-wide", "b", 1.0, resources=Resources(cpus=3)),
    ]  # fmt: skip
    node = ClusterNode(id="n0", node_class="k", total=Resources(cpus=3))
    request = asked(flat, *agents, nodes=(node,), planning=PlanningOptions(seed=7))
    seen: list[Plan] = []
    ticks = iter([10.0, 12.5])
    plan = planned(flat, request, on_improved=seen.append, clock=lambda: next(ticks))
    assert plan.planning_s == 2.5
    assert plan.gap == 0.0
    values = [one.objective for one in seen]
    assert values == sorted(values, reverse=True)
    assert plan.objective <= best_list_schedule(flat, request, COSTS).objective
    assert all(violations(one, flat, request, COSTS) == [] for one in seen)
