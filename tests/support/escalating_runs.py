"""A service in virtual time whose steps check their outputs: a small and a large agent, and inputs of several kinds."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from learner.learner import Learner
from orchestrator.service.takeovers import takeovers
from planners.agents import AgentSpec, Catalog, Price, Retry
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import Acceptance, CostModel, PriorCosts
from planners.expansion import flatten
from planners.plans import PlanKind
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.scheduling.list_scheduling.list_schedule import list_schedule
from planners.tasks import Task
from planners.workflow import Step, Workflow
from reconciler.gate import Contention
from reconciler.simulation import AgentModel, PlannerModel, Simulation, Timed
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.handoff import Failure, FailureKind, Handoff
from reconciler.state.learned_times import LearnedTimes
from reconciler.state.run import RunState

PLAN_S = 0.05
LATENCY_WEIGHT, USD_WEIGHT = 1.0, 100.0
SMALL = AgentSpec(
    name="small",
    capability="answer",
    resources=Resources(),
    expected_s=1.0,
    price=Price(usd_per_call=0.001),
    quality=0.5,
    retry=Retry(backoff_s=0.0),
)
LARGE = SMALL.model_copy(
    update={"name": "large", "expected_s": 6.0, "price": Price(usd_per_call=0.02), "quality": 0.95}
)
CLUSTER = ClusterSnapshot(nodes=(ClusterNode(id="n", node_class="cpu", total=Resources(cpus=4)),))
# P(an output is accepted), by agent and kind of input.
Shares = Mapping[str, Mapping[str, float]]
MIXED: Shares = {"small": {"letter": 0.95, "contract": 0.05}, "large": {"letter": 0.98, "contract": 0.95}}


class Trusting(PriorCosts):
    """Expects every output to be accepted, as a planner that prices no escalation."""

    def acceptance(self, agent: AgentSpec, step: Step) -> Acceptance:
        return Acceptance(1.0, 1.0)


class Knowing(PriorCosts):
    """Knows how often outputs are accepted: no policy can do better on average."""

    def __init__(self, shares: Shares) -> None:
        self._shares = shares

    def acceptance(self, agent: AgentSpec, step: Step) -> Acceptance:
        share = self._shares[agent.name][step.inputs["kind"].value]  # type: ignore[union-attr, index]
        return Acceptance(share, share)


@dataclass
class Service:
    """Runs one task after another.

    Attributes:
        costs: None: learned from the outcomes of the tasks before.
        reviewed: whether people judge the outputs, and no check does.
        asked: the agent whose output each reviewed task returned.
        value_usd_per_s: what a second of waiting is worth; None: nobody stands by.
        limits: of the tasks.
        contention: of nodes, by others.
        runs: all runs so far.
    """

    agents: tuple[AgentSpec, ...] = (SMALL, LARGE)
    costs: CostModel | None = None
    learner: Learner = field(default_factory=Learner)
    seed: int = 0
    reviewed: bool = False
    asked: list[str] = field(default_factory=list)
    value_usd_per_s: float | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    contention: Contention = Contention()  # noqa: RUF009 - frozen
    runs: list[RunState] = field(default_factory=list)
    _number: int = 0

    def mean_cost(self, kinds: Sequence[str], shares: Shares = MIXED) -> float:
        """The mean cost of tasks with inputs of these kinds."""
        return sum(self.cost_of(kind, shares) for kind in kinds) / len(kinds)

    def cost_of(self, kind: str, shares: Shares = MIXED) -> float:
        """Run a task with an input of this kind; what it costs by its objective."""
        self._number += 1
        step = {"id": "s", "capability": "answer", "inputs": {"kind": kind}}
        step |= {} if self.reviewed else {"check": "$output.good"}
        task = Task.model_validate(
            {
                "workflow": {"steps": [step]},
                "objective": {"latency_weight": LATENCY_WEIGHT, "usd_weight": USD_WEIGHT},
                "planning": {"value_of_time_usd_per_s": self.value_usd_per_s or 0.01},
                "limits": self.limits,
            }
        )
        run = RunState(f"t{self._number}", task, Catalog(agents=self.agents))
        simulation = Simulation(run, self._planner(run), self._agents(kind, shares))
        simulation.play()
        self.runs.append(run)
        self.learner.observe(simulation.outcomes)
        if self.reviewed:
            self._review(run)
        return LATENCY_WEIGHT * run.at_s + USD_WEIGHT * run.spent_usd

    def _review(self, run: RunState) -> None:
        """A person looks at what the task has returned."""
        (attempt,) = (one for one in run.attempts.values() if one.settled)
        good = attempt.handoff is not None and attempt.handoff.output["good"]  # type: ignore[index, call-overload]
        self.learner.observe([run.outcomes.judged(attempt, accepted=bool(good))])
        self.asked.append(attempt.placement.agent)

    def _planner(self, run: RunState) -> PlannerModel:
        costs = self.costs or self.learner.snapshot().costs

        def planner(command: c.RequestPlan, now_s: float) -> Iterator[Timed]:
            request = PlanRequest(
                task=run.task,
                catalog=run.catalog,
                cluster=CLUSTER,
                without_agents=command.without_agents,
                refused=command.refused,
            )
            plan = list_schedule(flatten(Workflow.model_validate(run.task.workflow), {}), request, costs)
            plan = plan.model_copy(update={"kind": PlanKind.OPTIMAL})
            found = {} if self.value_usd_per_s is None else takeovers(costs, request, plan)
            times = LearnedTimes(takeovers=found, contention=self.contention)
            yield now_s + PLAN_S, e.OptimalPlanReady(at_s=0, plan=plan, epoch=command.epoch, times=times)

        return planner

    def _agents(self, kind: str, shares: Shares) -> AgentModel:
        draws = {agent.name: random.Random(f"{self.seed} {self._number} {agent.name}") for agent in self.agents}

        def agents(order: c.Dispatch, now_s: float) -> Iterator[Timed]:
            seconds = {"small": 1.0, "large": 6.0}[order.agent]
            yield now_s, e.AttemptStarted(at_s=0, attempt=order.attempt, node=order.node)
            good = draws[order.agent].random() < shares[order.agent][kind]
            if good or self.reviewed:
                handoff = Handoff(output={"good": good})
                yield (
                    now_s + seconds,
                    e.AttemptFinished(at_s=0, attempt=order.attempt, handoff=handoff, seconds=seconds),
                )
                return
            failure = Failure(kind=FailureKind.BAD_OUTPUT, message="it does not pass the check")
            yield now_s + seconds, e.AttemptFailed(at_s=0, attempt=order.attempt, failure=failure, seconds=seconds)

        return agents
