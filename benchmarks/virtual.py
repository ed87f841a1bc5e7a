"""Tasks in virtual time: real runs, gate, predictor and learner; agents and the optimal planner only take time.

Seconds of agents and of planning are drawn from the LLM steps of recorded agent sessions (agentcgroup), a median a
tool and a log-normal spread an attempt. A guessed step survives if the true plan holds the same tool on the same
parents, all the way up: its inputs are the outputs of its parents. `reconciler.simulation` plays each run.
"""

import hashlib
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.datasets import PlanRecord, document, lines
from learner.learner import Learner
from learner.models.plan_similarity import guess_similarity
from learner.predictor import PlanExample, ToolText, TrainedPlanPredictor
from planners.agents import AgentSpec, Catalog
from planners.bindings import StepRef
from planners.costs import Estimate
from planners.model import NodeId, StepId, TaskId, digest
from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.speculative.predictor import GuessedPlan
from planners.tasks import PlanningOptions, Task
from planners.work_keys import InputDigests, work_keys
from planners.workflow import Step
from reconciler.gate import GatePolicy, Guidance
from reconciler.simulation import Simulation, Timed
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.accounts import critical_path_s
from reconciler.state.conditions import Conditions
from reconciler.state.handoff import Handoff
from reconciler.state.outcomes import Verdict
from reconciler.state.run import RunState

KIND = "requests"
_GUESS_S = 0.005
_SPREAD = 0.3
_PRIOR_PLAN_S = 3.0
_OPTIONS = PlanningOptions()


@dataclass(frozen=True)
class Lived:
    """One task as it went: seconds by mode, agent-seconds spent and wasted, similarity of the guess."""

    wait_s: float
    spec_s: float
    oracle_s: float
    agent_s: float
    wasted_s: float
    similarity: float
    guessed: int
    dispatched: int
    throttle: float


@dataclass
class World:
    """Durations and the learner under test. Deterministic for a seed."""

    tools: Sequence[ToolText]
    latencies_s: Sequence[float]
    learner: Learner
    seed: int = 0
    predictor: TrainedPlanPredictor | None = None
    policy: GatePolicy = field(default_factory=GatePolicy)
    _number: int = 0
    _catalog: Catalog = field(default_factory=Catalog)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        agents = (AgentSpec(name=tool.name, capability=tool.name, expected_s=3.0) for tool in self.tools)
        self._catalog = Catalog(agents=tuple(agents))

    def live(self, task: PlanExample, kind: str = KIND) -> Lived:
        """One task from its admission to its outcomes: guess, decide, work, reconcile, learn."""
        self._number += 1
        predictor = self.predictor or TrainedPlanPredictor.cold(self.tools)
        guesses = predictor.predict(task.request, kind=kind)
        snapshot = self.learner.snapshot()
        guidance = snapshot.guidance_for(kind)
        plan_s = self._draw(self._random.choice(self.latencies_s))
        true_s = [self._draw(self._median_s(tool)) for tool in task.steps]
        truth = _plan(PlanKind.OPTIMAL, task.steps, task.edges, true_s, self._catalog)
        guess = _speculative(guesses[0], self._catalog, snapshot.costs.duration) if guesses else None
        simulation = self._simulation(task, kind, guess, truth, plan_s, guidance)
        simulation.play()
        self.learner.observe(simulation.outcomes)
        self.learner.observe_plans([replace(task, kind=kind)])
        attempts = simulation.run.attempts.values()
        oracle_s = critical_path_s(truth, {planned.id: planned.placement.duration_s for planned in truth.steps})
        return Lived(
            wait_s=plan_s + oracle_s,
            spec_s=simulation.run.at_s,
            oracle_s=oracle_s,
            agent_s=sum(attempt.seconds for attempt in attempts),
            wasted_s=sum(attempt.seconds for attempt in attempts if attempt.verdict is Verdict.FLUSH),
            similarity=guess_similarity(predictor, task),
            guessed=len(guess.steps) if guess else 0,
            dispatched=sum(attempt.began_speculative for attempt in attempts),
            throttle=0.0 if guidance.closed else guidance.throttle,
        )

    def _simulation(  # noqa: PLR0913, PLR0917 - all that a run depends on
        self, task: PlanExample, kind: str, guess: Plan | None, truth: Plan, plan_s: float, guidance: Guidance
    ) -> Simulation:
        true_s = {planned.work_key: planned.placement.duration_s for planned in truth.steps}
        conditions = Conditions(guidance=guidance, policy=self.policy, prior_plan_s=_PRIOR_PLAN_S)

        def planner(command: c.RequestPlan, now_s: float) -> Iterator[Timed]:
            if guess is not None:
                speculative = e.SpeculativePlanReady(at_s=0, plan=guess, epoch=command.epoch, conditions=conditions)
                yield now_s + _GUESS_S, speculative
            yield now_s + plan_s, e.OptimalPlanReady(at_s=0, plan=truth, epoch=command.epoch)

        def agents(order: c.Dispatch, now_s: float) -> Iterator[Timed]:
            seconds = true_s.get(order.work_key) or self._draw(self._median_s(order.agent))
            finished = e.AttemptFinished(at_s=0, attempt=order.attempt, handoff=Handoff(), seconds=seconds)
            yield now_s + seconds, finished

        submitted = Task(goal=task.request, kind=kind, planning=_OPTIONS)
        run = RunState(TaskId(f"t{self._number}"), submitted, self._catalog)
        return Simulation(run, planner, agents, cancels_arrive=True)

    def _median_s(self, tool: str) -> float:
        """A tool's median: one of the recorded latencies, the same in every run."""
        number = int.from_bytes(hashlib.blake2b(tool.encode(), digest_size=8).digest())
        return self.latencies_s[number % len(self.latencies_s)]

    def _draw(self, median_s: float) -> float:
        return median_s * math.exp(self._random.gauss(0.0, _SPREAD))


def _speculative(guess: GuessedPlan, catalog: Catalog, duration: Callable[[AgentSpec, Step], Estimate]) -> Plan:
    """The guess as a plan: each step is as likely as the least likely of what it needs."""
    chances: list[float] = []
    for index in range(len(guess.steps)):
        edges = [(edge[0], p) for edge, p in zip(guess.edges, guess.edge_probability, strict=True) if edge[1] == index]
        needed = [*(p for _, p in edges), *(chances[parent] for parent, _ in edges)]
        chances.append(min(1.0, max(0.0, min([guess.step_probability[index], *needed]))))
    seconds = [
        duration(catalog.by_name.get(tool) or AgentSpec(name=tool, capability=tool), step).mean_s
        for tool, step in zip(guess.steps, _steps(guess.steps, guess.edges), strict=True)
    ]
    return _plan(PlanKind.SPECULATIVE, guess.steps, guess.edges, seconds, catalog, chances)


def _plan(  # noqa: PLR0913, PLR0917 - the parts of a plan
    kind: PlanKind,
    tools: Sequence[str],
    edges: Sequence[tuple[int, int]],
    seconds: Sequence[float],
    catalog: Catalog,
    chances: Sequence[float] = (),
) -> Plan:
    """Each step starts as soon as its parents end: nothing is short here."""
    steps = _steps(tools, edges)
    agents = [catalog.by_name.get(tool) or AgentSpec(name=tool, capability=tool) for tool in tools]
    pairs = [(step, agent.identity) for step, agent in zip(steps, agents, strict=True)]
    keys = work_keys(pairs, InputDigests({}))
    planned: dict[StepId, PlannedStep] = {}
    for index, (step, agent) in enumerate(zip(steps, agents, strict=True)):
        start_s = max((planned[parent].placement.end_s for parent in step.parents), default=0.0)
        placement = Placement(agent=agent.name, node=NodeId("n"), start_s=start_s, duration_s=seconds[index])
        probability = chances[index] if chances else 1.0
        planned[step.id] = PlannedStep(step=step, placement=placement, work_key=keys[step.id], probability=probability)
    return Plan(kind=kind, steps=tuple(planned.values()))


def _steps(tools: Sequence[str], edges: Sequence[tuple[int, int]]) -> list[Step]:
    """Steps that read the outputs of their parents and nothing else. Parents come first.

    Parents are read in the order of what they do, so that a guess in another order is still the same work.
    """
    steps: list[Step] = []
    signatures: list[str] = []
    for index, tool in enumerate(tools):
        read = {parent for parent, child in edges if child == index and parent < index}
        parents = sorted(read, key=lambda parent: (signatures[parent], parent))
        signatures.append(digest(tool, *(signatures[parent] for parent in parents)))
        inputs = {f"parent{number}": StepRef(step=StepId(f"s{parent}")) for number, parent in enumerate(parents)}
        steps.append(Step(id=StepId(f"s{index}"), capability=tool, inputs=inputs))
    return steps


def summary(lived: Sequence[Lived]) -> dict[str, float]:
    """Means over tasks; share and waste of the sums."""
    attainable = sum(one.wait_s - one.oracle_s for one in lived)
    return {
        "tasks": len(lived),
        "similarity": sum(one.similarity for one in lived) / max(1, len(lived)),
        "share_of_attainable": sum(one.wait_s - one.spec_s for one in lived) / attainable if attainable else 0.0,
        "waste": sum(one.wasted_s for one in lived) / (sum(one.agent_s for one in lived) or 1.0),
        "dispatched": sum(one.dispatched for one in lived) / max(1, sum(one.guessed for one in lived)),
        "throttle": sum(one.throttle for one in lived) / max(1, len(lived)),
    }


def latencies(data: Path) -> list[float]:
    """Seconds of LLM steps of the recorded agent sessions between the 10 % and 90 % quantile, sorted."""
    sessions = lines(data / "agentcgroup" / "sessions.jsonl.gz")
    steps = (step for session in sessions for step in session["steps"])
    found = sorted(step["dur_s"] for step in steps if step["k"] == "llm" and step["dur_s"] > 0)
    return found[len(found) // 10 : -len(found) // 10]


def ultratool(data: Path) -> tuple[list[tuple[str, PlanExample]], list[ToolText]]:
    """(domain, example) of every UltraTool plan in an order without subject, and the catalog.

    The domain of a plan is the one most of its tools belong to.
    """
    listed = document(data / "plans" / "tools_ultratool.json")
    domains = {tool["id"]: tool["domain"] for tool in listed}
    records = lines(data / "plans" / "ultratool.jsonl.gz", PlanRecord)
    records.sort(key=lambda record: digest(str(record.id)))
    return [(_domain(record.tools, domains), record.example()) for record in records], [
        ToolText(tool["id"], tool.get("desc") or "") for tool in listed
    ]


def _domain(tools: Sequence[str], domains: dict[str, list[str]]) -> str:
    counts = Counter(domain for tool in tools for domain in domains.get(tool, ()))
    return max(sorted(counts), key=lambda name: counts[name]) if counts else ""
