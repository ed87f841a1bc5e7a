"""Agents that have failed permanently get no new attempts; their finished attempts still count."""

import pytest

from planners.agents import AgentSpec, Catalog
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import PriorCosts
from planners.errors import Infeasible
from planners.expansion import flatten
from planners.requests import InFlight, PlanRequest
from planners.resources import Resources
from planners.scheduling.cp_sat.solver import schedule
from planners.tasks import Task
from planners.workflow import Workflow

CLUSTER = ClusterSnapshot(nodes=(ClusterNode(id="n", node_class="cpu", total=Resources(cpus=2)),))
TASK = Task.model_validate({"workflow": {"steps": [{"id": "a", "capability": "work"}]}})


def plan(*names, **request):
    agents = [AgentSpec(name=name, capability="work", expected_s=1.0 + i) for i, name in enumerate(names)]
    asked = PlanRequest(task=TASK, catalog=Catalog(agents=tuple(agents)), cluster=CLUSTER, **request)
    flat = flatten(Workflow.model_validate(TASK.workflow), {})
    return schedule(flat, asked, PriorCosts(), time_limit_s=1.0)


def test_a_failed_agent_gets_no_new_attempt():
    assert plan("quick", "slow").by_id["a"].placement.agent == "quick"
    assert plan("quick", "slow", without_agents=("quick",)).by_id["a"].placement.agent == "slow"


def test_a_finished_attempt_of_a_failed_agent_is_not_repeated():
    key = plan("quick", "slow").by_id["a"].work_key
    done = InFlight(work_key=key, agent="quick", node="n", finished=True)

    assert plan("quick", "slow", without_agents=("quick",), in_flight=(done,)).by_id["a"].placement.agent == "quick"


def test_if_all_agents_have_failed_the_error_names_the_step():
    with pytest.raises(Infeasible, match="step 'a'"):
        plan("quick", without_agents=("quick",))
