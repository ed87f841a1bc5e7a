"""`forerun bench routes`: what starting the likely branch of a route ahead saves, and what it wastes.

A step decides (2 s), a branch follows (3 s), and a last step reads its output (1 s). Each task goes the usual way with
a stated probability; the planner learns from task to task how its routes go, and the gate what its guesses are worth.
Runs are in virtual time, with the real state machine, planner, gate and learner; plans take no time.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import PositiveInt

from learner.learner import Learner
from planners.agents import AgentSpec, Catalog, Effect
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import PriorCosts
from planners.expansion import flatten
from planners.model import NodeId, TaskId
from planners.plans import Plan, PlanKind
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.scheduling.list_scheduling.list_schedule import list_schedule
from planners.speculative import SpeculativePlannerPipeline
from planners.tasks import Mode, PlanningOptions, Task
from planners.workflow import Workflow
from reconciler.gate import GatePolicy
from reconciler.simulation import Simulation, Timed
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.conditions import Conditions
from reconciler.state.handoff import Handoff
from reconciler.state.outcomes import Verdict
from reconciler.state.run import RunState

KIND = "routes"
_SECONDS = {"decide": 2.0, "usual": 3.0, "other": 3.0, "tell": 1.0}
_SPREAD = 0.3  # of the logarithm of an agent's seconds
_GUESS_S = 0.005
_CATALOG = Catalog(
    agents=tuple(
        AgentSpec(name=name, capability=name, effect=Effect.PURE, expected_s=seconds)
        for name, seconds in _SECONDS.items()
    )
)
_CLUSTER = ClusterSnapshot(nodes=(ClusterNode(id=NodeId("n"), node_class="c", total=Resources(cpus=8)),))
_WORKFLOW = Workflow.model_validate(
    {
        "steps": [
            {"id": "decide", "capability": "decide"},
            {
                "id": "branch",
                "route": [{"when": '$steps.decide == "usual"', "steps": [{"id": "usual", "capability": "usual"}]}],
                "else": [{"id": "other", "capability": "other"}],
            },
            {"id": "tell", "capability": "tell", "inputs": {"of": "$steps.branch"}},
        ]
    }
)


def run(tasks: PositiveInt = 300, shares: Sequence[float] = (0.5, 0.7, 0.9, 0.99), seed: int = 0) -> dict[str, Any]:
    """Figures per probability of the usual branch.

    ``wait_s``, ``forerun_s`` and ``oracle_s`` are mean seconds of a task without guesses ahead, with them, and with the
    branch known at time zero. The first tenth of the tasks, in which the shares are learned, counts too.
    """
    return {f"{share:g}": _figures([*_lived(share, tasks, seed)]) for share in shares}


@dataclass(frozen=True)
class _Lived:
    wait_s: float
    forerun_s: float
    oracle_s: float
    agent_s: float
    wasted_s: float
    ahead: int


def _figures(lived: Sequence[_Lived]) -> dict[str, float]:
    wait_s, forerun_s, oracle_s = (
        sum(getattr(one, key) for one in lived) / len(lived) for key in ("wait_s", "forerun_s", "oracle_s")
    )
    return {
        "tasks": len(lived),
        "wait_s": wait_s,
        "forerun_s": forerun_s,
        "oracle_s": oracle_s,
        "share_of_attainable": (wait_s - forerun_s) / (wait_s - oracle_s),
        "waste": sum(one.wasted_s for one in lived) / sum(one.agent_s for one in lived),
        "tasks_with_guesses": sum(one.ahead > 0 for one in lived) / len(lived),
    }


def _lived(share: float, tasks: int, seed: int) -> Iterator[_Lived]:
    draw, learner = random.Random(seed), Learner()
    planner = SpeculativePlannerPipeline(PriorCosts)
    for number in range(tasks):
        taken = "usual" if draw.random() < share else "other"
        seconds = {name: mean * draw.lognormvariate(0.0, _SPREAD) for name, mean in _SECONDS.items()}
        played = _Run(number, taken, seconds, planner, learner).play()
        attempts = played.run.attempts.values()
        yield _Lived(
            wait_s=seconds["decide"] + seconds[taken] + seconds["tell"],
            forerun_s=played.run.at_s,
            oracle_s=max(seconds["decide"], seconds[taken] + seconds["tell"]),
            agent_s=sum(attempt.seconds for attempt in attempts),
            wasted_s=sum(attempt.seconds for attempt in attempts if attempt.verdict is Verdict.FLUSH),
            ahead=sum(attempt.began_speculative for attempt in attempts),
        )
        learner.observe(played.simulation.outcomes)
        if played.run.optimal_plan is not None:
            planner.cache.remember(played.run.task, played.run.optimal_plan)


@dataclass
class _Run:
    """One task."""

    number: int
    taken: str
    seconds: dict[str, float]
    planner: SpeculativePlannerPipeline
    learner: Learner
    outputs: dict[str, str] = field(default_factory=dict)
    simulation: Simulation = field(init=False)

    def play(self) -> "_Run":
        task = Task(kind=KIND, workflow=_WORKFLOW, planning=PlanningOptions(mode=Mode.FORERUN))
        state = RunState(TaskId(f"t{self.number}"), task, _CATALOG)
        self.simulation = Simulation(state, self._plan, self._work, cancels_arrive=True)
        self.simulation.play()
        return self

    @property
    def run(self) -> RunState:
        return self.simulation.run

    def _plan(self, command: c.RequestPlan, now_s: float) -> Iterator[Timed]:
        task = self.run.task
        known = {step: self.outputs[attempt] for step, attempt in command.known_from.items()}
        request = PlanRequest(task=task, catalog=_CATALOG, cluster=_CLUSTER, known=known, facts=command.facts)
        flat = flatten(_WORKFLOW, {}, known, command.facts)
        plan = list_schedule(flat, request, PriorCosts()).model_copy(update={"kind": PlanKind.OPTIMAL})
        yield now_s, e.OptimalPlanReady(at_s=0, plan=plan, epoch=command.epoch)
        guess = self.planner.ahead(request, plan) if plan.pending else None
        if guess is not None:
            event = e.SpeculativePlanReady(
                at_s=0, plan=guess, epoch=command.epoch, ahead=True, conditions=self._conditions(plan)
            )
            yield now_s + _GUESS_S, event

    def _conditions(self, plan: Plan) -> Conditions:
        guidance = self.learner.snapshot().guidance_for(KIND)
        guidance = guidance.model_copy(update={"plan_p50_s": None, "plan_p90_s": None})
        return Conditions(guidance=guidance, policy=GatePolicy(), prior_plan_s=plan.makespan_s)

    def _work(self, order: c.Dispatch, now_s: float) -> Iterator[Timed]:
        self.outputs[order.attempt] = self.taken if order.agent == "decide" else "done"
        seconds, handoff = self.seconds[order.agent], Handoff(output=self.outputs[order.attempt])
        yield now_s, e.AttemptStarted(at_s=0, attempt=order.attempt, node=order.node)
        yield now_s + seconds, e.AttemptFinished(at_s=0, attempt=order.attempt, handoff=handoff, seconds=seconds)
