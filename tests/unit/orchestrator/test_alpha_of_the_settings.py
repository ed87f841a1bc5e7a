"""`gate.alpha` of the settings is the default of tasks that do not set alpha."""

from orchestrator.gateway.memory import MemoryGateway
from orchestrator.ingress.context import IngressContext
from orchestrator.service.advice import LearnedAdvice
from orchestrator.settings import GateSettings, Settings
from planners.agents import AgentSpec, Catalog, Price
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.tasks import PlanningOptions, Task
from planners.workflow import Step, Workflow
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.run import RunState

CATALOG = Catalog(agents=(AgentSpec(name="paid", capability="ask", price=Price(usd_per_call=0.003)),))
CLUSTER = ClusterSnapshot(nodes=(ClusterNode(id="n", node_class="cpu", total=Resources(cpus=2)),))
ONLY = Step(id="only", capability="ask")
GUESS = Plan(
    kind=PlanKind.SPECULATIVE,
    steps=(
        PlannedStep(
            step=ONLY,
            placement=Placement(agent="paid", node="n", node_class="cpu", duration_s=1.0),
            work_key="k",
            probability=0.9,
        ),
    ),
)


async def speculates(dial: float, **planning: float) -> bool:
    """Whether the guess is dispatched by a service with this dial: at 0 it costs too much, at 1 it pays."""

    async def restore(_learner):
        raise AssertionError("nothing is to be restored")

    settings = Settings(gate=GateSettings(alpha=dial))
    context = IngressContext(MemoryGateway(CLUSTER), settings, CATALOG)
    task = Task(workflow=Workflow(steps=(ONLY,)), planning=PlanningOptions(**planning))
    admitted = await context.admit(task, None)
    request = PlanRequest(task=admitted.task, catalog=CATALOG, cluster=CLUSTER)
    conditions = LearnedAdvice(settings, None, None, restore).conditions(request, GUESS)
    run = RunState(admitted.id, admitted.task, CATALOG)
    run.handle(e.RunStarted(at_s=0.0))
    commands = run.handle(e.SpeculativePlanReady(at_s=0.0, plan=GUESS, conditions=conditions))
    return any(isinstance(command, c.Dispatch) for command in commands)


async def test_a_task_without_alpha_uses_the_alpha_of_the_settings():
    assert [await speculates(0.0), await speculates(1.0)] == [False, True]


async def test_the_alpha_of_a_task_overrides_the_settings():
    assert [await speculates(1.0, alpha=0.0), await speculates(0.0, alpha=1.0)] == [False, True]
