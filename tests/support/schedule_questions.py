"""Random scheduling questions for tests."""

import random

from planners.agents import AgentSpec, Catalog, Price
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import PriorCosts
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.scheduling.problem.build import build_problem
from planners.tasks import Limits, Task
from planners.workflow import FlatWorkflow, Step, Workflow

COSTS = PriorCosts()


def question(
    count: int, seed: int, budget_share: float | None = None, nodes: int = 4
) -> tuple[FlatWorkflow, PlanRequest]:
    draw = random.Random(seed)
    agents = tuple(
        AgentSpec(
            name=f"{capability}{i}",
            capability=capability,
            expected_s=draw.randint(10, 80) / 10 / (i + 1),
            price=Price(usd_per_call=0.1 * i * draw.randint(1, 5)),
            resources=Resources(cpus=i + 1),
        )
        for capability in "abc"
        for i in range(2)
    )
    steps = []
    for i in range(count):
        parents = draw.sample(range(max(0, i - 20), i), min(i, draw.choice([0, 1, 2])))
        inputs = {f"p{p}": f"$steps.s{p}" for p in parents}
        steps.append(Step(id=f"s{i}", capability=draw.choice("abc"), inputs=inputs))
    cluster = ClusterSnapshot(
        nodes=tuple(
            ClusterNode(id=f"n{i}", node_class=f"k{i % 2}", total=Resources(cpus=2 + i % 2), speed=1 + i % 2)
            for i in range(nodes)
        )
    )
    flat = FlatWorkflow(steps=tuple(steps))
    task = Task(workflow=Workflow(steps=flat.steps))
    request = PlanRequest(task=task, catalog=Catalog(agents=agents), cluster=cluster)
    if budget_share is not None:
        dearest = sum(max(mode.usd for mode in modes) for modes in build_problem(flat, request, COSTS).modes)
        limits = Limits(budget_usd=budget_share * dearest)
        request = request.model_copy(update={"task": task.model_copy(update={"limits": limits})})
    return flat, request
