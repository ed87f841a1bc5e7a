"""Whatever a cost model answers or a catalog declares, there is a valid plan or a named limit that prevents it."""

from math import inf, nan

import pytest

from planners.agents import AgentSpec, Catalog, Provider
from planners.cluster import ClusterNode, ClusterSnapshot, Reservation
from planners.costs import Estimate, PriorCosts
from planners.errors import Infeasible
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.scheduling.cp_sat.solver import schedule
from planners.scheduling.list_scheduling.list_schedule import list_schedule
from planners.scheduling.problem.time_scale import TimeScale
from planners.scheduling.validate import violations
from planners.tasks import Limits, Objective, Task
from planners.workflow import FlatWorkflow, Step, Workflow

STEPS = (Step(id="a", capability="a"), Step(id="b", capability="a", inputs={"x": "$steps.a"}))
NODE = ClusterNode(id="n", node_class="k", total=Resources(cpus=1))
BOTH = pytest.mark.parametrize("make", [list_schedule, lambda *asked: schedule(*asked, time_limit_s=1.0)])


class Answers(PriorCosts):
    """A cost model that gives the same answers to everything."""

    def __init__(self, seconds: float, size: float) -> None:
        self._seconds, self._size = seconds, size

    def duration(self, agent, step) -> Estimate:
        return Estimate(self._seconds, self._seconds, self._seconds)

    def output_bytes(self, agent) -> float:
        return self._size


def planned(make, *, costs=None, steps=STEPS, nodes=(NODE,), providers=(), reservations=(), elapsed_s=0.0, **rest):
    of_task = {key: rest.pop(key) for key in ("objective", "limits") if key in rest}
    agent = AgentSpec(name="x", capability="a", expected_s=2.0, **rest)
    request = PlanRequest(
        task=Task(workflow=Workflow(steps=steps), **of_task),
        catalog=Catalog(agents=(agent,), providers=providers),
        cluster=ClusterSnapshot(nodes=nodes, reservations=reservations),
        elapsed_s=elapsed_s,
    )
    flat, costs = FlatWorkflow(steps=steps), costs or PriorCosts()
    plan = make(flat, request, costs)
    assert violations(plan, flat, request, costs) == []
    return plan


@BOTH
@pytest.mark.parametrize("answer", [nan, inf, -inf, -1.0])
def test_a_useless_answer_of_the_cost_model_is_replaced_by_the_declared_prior(make, answer):
    assert planned(make, costs=Answers(answer, answer)).makespan_s == 4.0


@BOTH
@pytest.mark.parametrize("answer", [1e20, 1e300])
def test_durations_and_sizes_beyond_all_bounds_are_cut(make, answer):
    nodes = (NODE, NODE.model_copy(update={"id": "other"}))
    assert planned(make, costs=Answers(answer, answer), nodes=nodes).makespan_s == 2e9


@BOTH
def test_calls_that_take_no_time_still_count_against_a_rate(make):
    steps = tuple(Step(id=f"s{i}", capability="a", inputs={"n": i}) for i in range(3))
    plan = planned(
        make, costs=Answers(0.0, 0.0), steps=steps, provider="p", providers=(Provider(name="p", requests_per_s=0.5),)
    )
    assert [step.placement.start_s for step in plan.steps] == [0.0, 2.0, 4.0]


@BOTH
@pytest.mark.parametrize(
    "limits",
    [{"max_concurrent": 10**30}, {"requests_per_s": 1e300}, {"tokens_per_s": 1e300}, {"tokens_per_s": 1e-300}],
)
@pytest.mark.parametrize("tokens", [0.0, 1.0])
def test_limits_of_any_size_can_be_counted(make, limits, tokens):
    if limits == {"tokens_per_s": 1e-300} and tokens:
        steps, least_s = STEPS[:1], 2.0
    else:
        steps, least_s = STEPS, 4.0
    provider = Provider(name="p", **limits)
    plan = planned(make, steps=steps, provider="p", providers=(provider,), concurrency=10**25, tokens_per_call=tokens)
    assert plan.makespan_s == least_s


@BOTH
@pytest.mark.parametrize("weights", [(1e12, 1e-300), (1e-300, 1e12), (1e-300, 0.0), (0.0, 1e-300)])
def test_objectives_may_weigh_time_and_cost_as_differently_as_they_like(make, weights):
    latency, usd = weights
    assert planned(make, objective=Objective(latency_weight=latency, usd_weight=usd)).makespan_s == 4.0


@BOTH
def test_a_reservation_that_began_long_ago_or_never_ends_takes_its_node(make):
    reserved = (Reservation(node="n", resources=Resources(cpus=1), start_s=-1e300, end_s=3.0),)
    assert planned(make, reservations=reserved).steps[0].placement.start_s == 3.0

    other = NODE.model_copy(update={"id": "other"})
    for_ever = (Reservation(node="n", resources=Resources(cpus=1), end_s=1e300),)
    plan = planned(make, nodes=(NODE, other), reservations=for_ever)
    assert {step.placement.node for step in plan.steps} == {"other"}


@BOTH
def test_a_node_without_capacity_runs_agents_that_need_none(make):
    empty = NODE.model_copy(update={"total": Resources()})
    assert planned(make, nodes=(empty,), resources=Resources()).makespan_s == 4.0
    with pytest.raises(Infeasible, match="no node can give agent 'x' cpus 1"):
        planned(make, nodes=(empty,))


@BOTH
def test_a_clock_that_went_back_extends_no_deadline(make):
    with pytest.raises(Infeasible, match="1 s more than the 3 s until the deadline"):
        planned(make, limits=Limits(deadline_s=3.0), elapsed_s=-10.0)


def test_a_deadline_beyond_all_quanta_is_the_latest_time():
    scale = TimeScale(work_s=1.0, steps=1)

    assert scale.down(1e308) == scale.up(1e308) == 10**14
