"""The same task, snapshot and seed give the same plan, byte for byte, in every process."""

import subprocess
import sys

import pytest

QUESTION = """
from planners.agents import AgentSpec, Catalog, Price, Provider
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import PriorCosts
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.scheduling.cp_sat.solver import schedule
from planners.tasks import Limits, Task
from planners.workflow import FlatWorkflow, Step, Workflow

steps = tuple(
    Step(id=f"s{i}", capability="ab"[i % 2], inputs={"x": f"$steps.s{i // 2}"} if i > 1 else {}) for i in range(14)
)
agents = tuple(
    AgentSpec(name=f"{c}{i}", capability=c, expected_s=3.0 - i, price=Price(usd_per_call=0.1 * i), cold_start_s=0.5,
              provider="p", tokens_per_call=40 + 10 * i, resources=Resources(cpus=1, custom={"lic": 0.5 * i}))
    for c in "ab" for i in range(3)
)
nodes = tuple(
    ClusterNode(id=f"n{i}", node_class="k", total=Resources(cpus=2, custom={"lic": 1.0, "z": 2.0})) for i in range(4)
)
request = PlanRequest(
    task=Task(workflow=Workflow(steps=steps), limits=Limits(budget_usd=1.7)),
    catalog=Catalog(agents=agents, providers=(Provider(name="p", tokens_per_s=150),)),
    cluster=ClusterSnapshot(nodes=nodes, warm=frozenset((a.name, n.id) for a in agents for n in nodes[:2])),
)
print(schedule(FlatWorkflow(steps=steps), request, PriorCosts(), time_limit_s=0.5).model_dump_json())
"""


@pytest.mark.timeout(120)
def test_plans_do_not_depend_on_the_hash_seed_of_a_process():
    told = [
        subprocess.run(  # noqa: S603 - our own interpreter and text
            [sys.executable, "-c", QUESTION], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("0", "77")
    ]

    assert b'"work_key"' in told[0]
    assert told[0] == told[1]
