"""The independent check of plans enforces every rule, and no others."""

from planners.agents import AgentSpec, Catalog, Price, Provider
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import PriorCosts
from planners.requests import InFlight, PlanRequest
from planners.resources import Resources
from planners.scheduling.list_scheduling.list_schedule import list_schedule
from planners.scheduling.validate import violations
from planners.tasks import Limits, Objective, Task
from planners.workflow import FlatWorkflow, Step, Workflow

COSTS = PriorCosts()
NODE = ClusterNode(id="n", node_class="k", total=Resources(cpus=4))


def asked(steps, *agents: AgentSpec, providers=(), **of_task) -> tuple[FlatWorkflow, PlanRequest]:
    task = Task(workflow=Workflow(steps=steps), **of_task)
    catalog = Catalog(agents=agents, providers=providers)
    return FlatWorkflow(steps=steps), PlanRequest(task=task, catalog=catalog, cluster=ClusterSnapshot(nodes=(NODE,)))


def test_a_new_attempt_of_a_failed_agent_is_a_violation():
    flat, request = asked((Step(id="a", capability="a"),), AgentSpec(name="x", capability="a"))
    plan = list_schedule(flat, request, COSTS)
    assert violations(plan, flat, request, COSTS) == []

    (wrong,) = violations(plan, flat, request.model_copy(update={"without_agents": ("x",)}), COSTS)

    assert wrong == "a: new attempt of agent 'x', which has failed permanently"


def test_an_agent_that_does_not_accept_the_inputs_is_a_violation():
    takes = {"type": "object", "properties": {"other": {"type": "string"}}}
    flat, request = asked((Step(id="a", capability="a", inputs={"x": 1}),), AgentSpec(name="x", capability="a"))
    plan = list_schedule(flat, request, COSTS)
    choosy = Catalog(agents=(AgentSpec(name="x", capability="a", input_schema=takes),))

    (wrong,) = violations(plan, flat, request.model_copy(update={"catalog": choosy}), COSTS)

    assert wrong.startswith("a: agent 'x' does not accept its inputs: it has no input 'x'")


def test_only_agents_of_sufficient_quality_determine_the_window_of_a_token_rate():
    """The large call of an agent that no step may use does not extend the window."""
    small = AgentSpec(name="small", capability="a", quality=0.9, tokens_per_call=50, provider="p", expected_s=0.1)
    large = AgentSpec(name="large", capability="a", quality=0.1, tokens_per_call=150, provider="p", expected_s=0.1)
    steps = tuple(Step(id=f"s{i}", capability="a") for i in range(8))
    provider = Provider(name="p", tokens_per_s=100)
    flat, request = asked(steps, small, large, providers=(provider,), objective=Objective(min_quality=0.5))

    assert violations(list_schedule(flat, request, COSTS), flat, request, COSTS) == []


def test_a_plan_that_repeats_finished_work_beyond_the_budget_is_a_violation():
    agent = AgentSpec(name="x", capability="a", price=Price(usd_per_call=2))
    steps = (Step(id="one", capability="a"), Step(id="two", capability="a"))
    flat, request = asked(steps, agent)
    again = list_schedule(flat, request, COSTS)
    done = InFlight(work_key=again.by_id["two"].work_key, agent="x", node="n", finished=True)
    tight = request.task.model_copy(update={"limits": Limits(budget_usd=2)})
    request = request.model_copy(update={"in_flight": (done,), "task": tight})

    assert "costs $4.000000, the budget is $2.000000" in violations(again, flat, request, COSTS)
    assert violations(list_schedule(flat, request, COSTS), flat, request, COSTS) == []
