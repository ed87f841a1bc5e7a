"""Random passes of list scheduling know every agent of a schedule, whoever else may execute its step."""

from planners.agents import AgentSpec, Catalog
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import PriorCosts
from planners.requests import InFlight, PlanRequest
from planners.resources import Resources
from planners.scheduling.list_scheduling.iterated_heft import randomized_heft
from planners.scheduling.list_scheduling.list_schedule import fast_schedule
from planners.scheduling.problem.build import build_problem
from planners.tasks import Task
from planners.work_keys import InputDigests, work_keys
from planners.workflow import FlatWorkflow, Step, Workflow

AGENTS = (
    AgentSpec(name="failed", capability="a", expected_s=2.0),
    AgentSpec(name="sound", capability="a", expected_s=4.0, resources=Resources(cpus=1)),
)
STEPS = tuple(Step(id=f"s{i}", capability="a", inputs={"i": i}) for i in range(4))


def test_a_running_attempt_of_an_agent_that_has_failed_for_good_has_a_share_of_the_cluster():
    key = work_keys([(step, "failed@1") for step in STEPS], InputDigests({}))["s3"]
    request = PlanRequest(
        task=Task(workflow=Workflow(steps=STEPS)),
        catalog=Catalog(agents=AGENTS),
        cluster=ClusterSnapshot(nodes=(ClusterNode(id="n", node_class="k", total=Resources(cpus=2)),)),
        without_agents=("failed",),
        in_flight=(InFlight(work_key=key, agent="failed", node="n", elapsed_s=1.0),),
    )
    problem = build_problem(FlatWorkflow(steps=STEPS), request, PriorCosts())
    known = fast_schedule(problem)

    *_, best = randomized_heft(problem, known, 10, 0)

    assert problem.agents(known.mode)[3].name == "failed"
    assert best.value <= known.value
