"""A journal with past plans, as a service finds it after a restart; guesses and predictor learn from it."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.speculation.cases import SpeculationCase
from orchestrator.gateway.task_ids import new_task_id
from planners.agents import Catalog
from planners.model import NodeId
from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.tasks import AdmittedTask, Task
from planners.work_keys import InputDigests, work_keys
from reconciler.journal import Journal
from reconciler.state.commands import RunStatus
from reconciler.views.models import PlansView, TaskView


@contextmanager
def journal_holding(past: Sequence[SpeculationCase], catalog: Catalog) -> Iterator[str]:
    """The URL of a new journal in which each case has succeeded once."""
    with tempfile.TemporaryDirectory(prefix="forerun-past-") as folder:
        url = f"sqlite:///{Path(folder) / 'journal.sqlite3'}"
        journal = Journal(url)
        for number, case in enumerate(past):
            task = Task(kind=case.kind, goal=case.goal, inputs={"request": case.request})
            admitted = AdmittedTask(id=new_task_id(float(number)), task=task, submitted_at_s=float(number))
            journal.admit(admitted)
            view = TaskView(id=admitted.id, status=RunStatus.SUCCEEDED, submitted_at_s=float(number), kind=case.kind)
            plans = PlansView(task=admitted.id, optimal=optimal_plan(case, catalog))
            journal.end(view, plans=plans.model_dump_json())
        journal.close()
        yield url


def optimal_plan(case: SpeculationCase, catalog: Catalog) -> Plan:
    """The plan that the optimal planner made for a case."""
    agents = [catalog.by_capability[tool][0] for tool in case.tools]
    steps = case.steps()
    pairs = zip(steps, (agent.identity for agent in agents), strict=True)
    keys = work_keys(pairs, InputDigests({"request": case.request}))
    return Plan(
        kind=PlanKind.OPTIMAL,
        origin="past",
        steps=tuple(
            PlannedStep(step=step, placement=Placement(agent=agent.name, node=NodeId("past")), work_key=keys[step.id])
            for step, agent in zip(steps, agents, strict=True)
        ),
    )
