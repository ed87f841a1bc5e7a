"""The makespan is forecast without a schedule; large workflows whose dollars count are scheduled from the forecast."""

import pytest
from schedule_questions import COSTS, question

from planners.agents import AgentSpec, Catalog
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.scheduling.list_scheduling.heft import heft
from planners.scheduling.list_scheduling.iterated_heft import iterated_heft
from planners.scheduling.list_scheduling.list_schedule import list_schedule
from planners.scheduling.list_scheduling.makespan_forecast import forecast_makespan
from planners.scheduling.problem.build import build_problem
from planners.scheduling.validate import violations
from planners.tasks import Objective, Task
from planners.workflow import FlatWorkflow, Step, Workflow


# Two nodes, of which one is twice as fast: the longest step takes half a second, all work a third of its seconds.
@pytest.mark.parametrize(("width", "expected_s"), [(1, 0.5), (10, 10 / 3)])
def test_a_fan_takes_its_longest_step_or_what_all_nodes_need_for_its_work(width, expected_s):
    flat = FlatWorkflow(steps=tuple(Step(id=f"s{i}", capability="a") for i in range(width)))
    nodes = tuple(ClusterNode(id=f"n{i}", node_class=f"k{i}", total=Resources(cpus=1), speed=1 + i) for i in range(2))
    agents = (AgentSpec(name="x", capability="a", expected_s=1, resources=Resources(cpus=1)),)
    request = PlanRequest(
        task=Task(workflow=Workflow(steps=flat.steps)),
        catalog=Catalog(agents=agents),
        cluster=ClusterSnapshot(nodes=nodes),
    )
    problem = build_problem(flat, request, COSTS)

    forecast_s = forecast_makespan(problem, max(problem.min_tails)) * problem.quantum_s

    assert forecast_s == pytest.approx(expected_s, rel=1e-2)


@pytest.mark.parametrize("seed", range(3))
def test_a_large_workflow_whose_dollars_count_is_scheduled_validly_and_no_worse_than_by_heft(seed):
    flat, request = question(320, seed)
    task = request.task.model_copy(update={"objective": Objective(usd_weight=20.0)})
    request = request.model_copy(update={"task": task})
    problem = build_problem(flat, request, COSTS)

    assert violations(list_schedule(flat, request, COSTS), flat, request, COSTS) == []
    assert iterated_heft(problem).value <= heft(problem).value * 1.02
