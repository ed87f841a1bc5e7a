"""Random passes of list scheduling know every agent of a schedule, whoever else may execute its step."""

from schedule_questions import COSTS, question

from planners.agents import AgentSpec, Catalog
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import PriorCosts
from planners.requests import InFlight, PlanRequest
from planners.resources import Resources
from planners.scheduling.list_scheduling.greedy import greedy
from planners.scheduling.list_scheduling.iterated_heft import _IteratedHeft, randomized_heft
from planners.scheduling.list_scheduling.list_schedule import fast_schedule
from planners.scheduling.list_scheduling.schedule import Schedule
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


def test_passes_go_on_while_they_gain_unless_the_workflow_is_large(monkeypatch):
    """Eight passes, as many again after a gain of 1 % in eight, and no more of a workflow of 1,200 steps."""
    made = []

    def gains_16_times(search, _rng):
        made.append(search)
        if len(made) <= 16:
            best = search.best
            search.best = Schedule(best.arrays, best.usd, 0.99 * best.value)

    monkeypatch.setattr(_IteratedHeft, "meets_bound", False)
    monkeypatch.setattr(_IteratedHeft, "randomized_pass", gains_16_times)
    passes = {}
    for count in (30, 1200):
        problem = build_problem(*question(count, 0), COSTS)
        made.clear()
        _IteratedHeft(problem, greedy(problem)).vary()
        passes[count] = len(made)

    assert passes == {30: 24, 1200: 8}
