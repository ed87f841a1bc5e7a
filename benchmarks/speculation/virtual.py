"""One shard in virtual time, without Ray: real guesses, gate, planner and learner; agents and the LLM only wait.

What it measures depends on policy alone, not on the speed or load of the machine. The overhead of a service is missing.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from threadpoolctl import threadpool_limits

from actors.executor.local_executor import LocalExecutor
from benchmarks.scripted_llm import answer_s
from benchmarks.speculation.cases import TOKENS_PER_S, TTFT_S, Cases, SpeculationCase
from benchmarks.speculation.past import optimal_plan
from learner.learner import Learner
from learner.models.learned_costs import LearnedCosts
from learner.models.plan_examples import plan_example, tool_texts
from learner.predictor import PlanExample
from orchestrator.gateway.task_ids import new_task_id
from orchestrator.local.ports import NODE, InProcessPlanning, LoopClock, NothingLearned, ThisMachine, room_for
from orchestrator.prior_conditions import prior_conditions
from orchestrator.service.late_times import late_times
from orchestrator.settings import GateSettings, PlanningSettings, Settings
from orchestrator.task_defaults import with_defaults
from planners.agents import Catalog
from planners.interfaces import interfaces
from planners.linking import linked
from planners.model import TaskId
from planners.optimal.decompose.goals import GoalText
from planners.optimal.decompose.step_validation import StepValidation
from planners.optimal.planner import OptimalPlannerPipeline
from planners.plans import Plan
from planners.requests import PlanRequest
from planners.scheduling.list_scheduling.list_schedule import list_schedule
from planners.speculative.planner import SpeculativePlannerPipeline
from planners.speculative.predictor import ConfirmedSteps, GuessedPlan
from planners.tasks import AdmittedTask, Task
from planners.workflow import Step
from reconciler.journal.memory import MemoryJournal
from reconciler.runtime.ports import Ports
from reconciler.runtime.shard import Shard
from reconciler.state.conditions import Conditions
from reconciler.state.learned_times import LearnedTimes
from reconciler.state.outcomes import Outcome
from reconciler.views.models import PlansView, TaskView, Timeline

# A guess may take as long as it likes: the virtual clock stands still, and the machine may be busy.
_BUDGET_S = 10.0


class ScriptedDecomposer:
    """Yields the prepared steps of a goal at the moments at which an LLM would have written them."""

    def __init__(self, cases: Mapping[str, SpeculationCase], scale: float) -> None:
        self._cases = cases
        self._scale = scale

    async def steps(self, goal: GoalText, catalog: Catalog) -> AsyncGenerator[Step, None]:
        """The prepared steps."""
        case, began_s = self._cases[goal.text], asyncio.get_running_loop().time()
        answer, validation = case.answer(), StepValidation(goal, interfaces(catalog))
        for number, step in enumerate(case.steps(), 1):
            written_s = answer_s(answer[:number], TTFT_S * self._scale, TOKENS_PER_S / self._scale)
            await asyncio.sleep(began_s + written_s - asyncio.get_running_loop().time())
            for accepted in validation.accept(step):
                yield accepted


class VirtualPlanning(InProcessPlanning):
    """Plans are list-scheduled: every capability has one agent."""

    def __init__(
        self,
        advice: "VirtualAdvice",
        settings: PlanningSettings,
        decomposer: ScriptedDecomposer,
        *,
        learns: bool,
    ) -> None:
        self._advice = advice
        bounds = settings.speculative.model_copy(update={"budget_s": _BUDGET_S})
        speculative = SpeculativePlannerPipeline(advice.costs, predictor=advice if learns else None, settings=bounds)
        optimal = OptimalPlannerPipeline(
            advice.costs,
            decomposer,
            solver=lambda flat, request, costs, **_: list_schedule(flat, request, costs),
            clock=asyncio.get_running_loop().time,
        )
        super().__init__(speculative, optimal)

    def remember(self, task: Task, plan: Plan) -> None:
        """Store an optimal plan for later guesses."""
        super().remember(task, plan)
        self._advice.learn_plan(task, plan)


class VirtualAdvice:
    """Fulfils `Advice`, `OutcomeSink` and `PlanPredictor`: the learner is asked directly, and trained when that is due.

    Planners ask in threads, so they get the snapshot that was made after the last outcome. Training takes no
    virtual time.
    """

    def __init__(self, learner: Learner, gate: GateSettings) -> None:
        self._learner = learner
        self._gate = gate
        self._snapshot = learner.snapshot()
        self._predictor = learner.predictor
        self._examples: list[PlanExample] = []

    def costs(self) -> LearnedCosts:
        """The latest learned cost model."""
        return self._snapshot.costs

    def reload(self, catalog: Catalog) -> None:
        """The agents stay the same."""

    def conditions(self, request: PlanRequest, guess: Plan) -> Conditions:
        """See `reconciler.runtime.ports.Advice`."""
        snapshot, kind = self._snapshot, request.task.kind
        learned = {"guidance": snapshot.guidance_for(kind), "chances": snapshot.chances(guess, kind)}
        return prior_conditions(request, self._gate).model_copy(update=learned)

    def times(self, request: PlanRequest, plan: Plan) -> LearnedTimes | None:
        """See `reconciler.runtime.ports.Advice`."""
        return late_times(self._snapshot.costs, request, plan)

    async def status(self) -> dict[str, Any]:
        """The learner's status."""
        return {"enabled": True, **self._learner.status().model_dump(mode="json")}

    def predict(self, request_text: str, k: int, kind: str = "") -> list[GuessedPlan]:
        """See `planners.speculative.predictor.PlanPredictor`. Trains first if there are enough new plans."""
        examples, self._examples = self._examples, []
        self._learner.observe_plans(examples)
        if self._learner.plans_due:
            self._learner.adopt_plans(self._learner.begin_plan_training()())
            self._predictor = self._learner.predictor
        return self._predictor.predict(request_text, k, kind)

    def continuations(self, request_text: str, confirmed: ConfirmedSteps, k: int, kind: str = "") -> list[GuessedPlan]:
        """See `planners.speculative.predictor.PlanPredictor`."""
        return self._predictor.continuations(request_text, confirmed, k, kind)

    def learn_plan(self, task: Task, plan: Plan) -> None:
        """Learn the plan of a goal, in the thread that guesses."""
        self._examples.append(plan_example(task.goal or "", plan, task.kind))

    def record(self, outcomes: Iterable[Outcome]) -> None:
        """Learn from outcomes."""
        self._learner.observe(outcomes)
        if self._learner.due:
            self._learner.adopt(self._learner.begin_training()())
        self._snapshot = self._learner.snapshot()

    def count(self, outcomes: Iterable[Outcome]) -> None:
        """Outcomes that nothing is learned from."""


class VirtualService:
    """The part of `orchestrator.client.Client` that the benchmark uses. The event loop is a `VirtualLoop`."""

    def __init__(
        self, chosen: Cases, workloads: Sequence[str], settings: Settings, scale: float, *, learns: bool
    ) -> None:
        """Trains the predictor on the past plans if it ``learns``, in about a minute."""
        self._catalog, self._settings = chosen.catalog, settings
        self._learner = Learner(tools=tool_texts(chosen.catalog))
        past = [(_past_task(case), optimal_plan(case, chosen.catalog)) for case in chosen.past] if learns else []
        if past:
            self._learner.observe_plans(plan_example(task.goal or "", plan, task.kind) for task, plan in past)
            self._learner.adopt_plans(self._learner.begin_plan_training()())
        by_goal = {case.goal: case for case in chosen.submitted(workloads)}
        self._advice = VirtualAdvice(self._learner, settings.gate)
        planning = VirtualPlanning(self._advice, settings.planning, ScriptedDecomposer(by_goal, scale), learns=learns)
        for task, plan in past:
            InProcessPlanning.remember(planning, task, plan)
        executor = LocalExecutor(chosen.catalog, {NODE: room_for(chosen.catalog)}, logs=None)
        self._clock = LoopClock()
        ports = Ports(
            catalog=chosen.catalog,
            executor=executor,
            planning=planning,
            cluster=ThisMachine(chosen.catalog, executor),
            clock=self._clock,
            outcomes=self._advice,
            advice=self._advice,
        )
        on_close = (executor.close, planning.close)
        self._shard = Shard(ports, MemoryJournal(), NothingLearned(settings.gate), on_close=on_close)

    async def submit(self, task: Task) -> TaskView:
        """Admit a task; it begins at once."""
        now_s, complete = self._clock.now_s(), with_defaults(linked(task, self._catalog), self._settings)
        return await self._shard.submit(AdmittedTask(id=new_task_id(now_s), task=complete, submitted_at_s=now_s))

    async def wait(self, task: TaskId, seconds: float) -> TaskView:
        """The task when it has ended."""
        return await self._shard.wait(task, seconds)

    async def plans(self, task: TaskId) -> PlansView:
        """Both plans of a task."""
        return await self._shard.plans(task)

    async def timeline(self, task: TaskId) -> Timeline:
        """All attempts of a task."""
        return await self._shard.timeline(task)

    async def learner(self) -> dict[str, Any]:
        """The learner's status."""
        return await self._advice.status()

    async def close(self) -> None:
        """End what is under way."""
        await self._shard.close()


@asynccontextmanager
async def virtual_service(
    chosen: Cases, workloads: Sequence[str], settings: Settings, scale: float, *, learns: bool
) -> AsyncIterator[VirtualService]:
    """A service in virtual time that knows the past plans of the cases.

    As learner and shards of a service do, it leaves linear algebra one thread. Sums in another order give other models:
    with two threads, 48 requests saved 80.5 instead of 77.3 % of what is attainable.
    """
    with threadpool_limits(limits=1):
        service = VirtualService(chosen, workloads, settings, scale, learns=learns)
        try:
            yield service
        finally:
            await service.close()


def _past_task(case: SpeculationCase) -> Task:
    return Task(kind=case.kind, goal=case.goal, inputs={"request": case.request})
