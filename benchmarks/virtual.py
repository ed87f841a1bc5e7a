"""Tasks in virtual time: the real predictor, gate and learner, with agents and an optimal planner that only take time.

Seconds of agents and of planning are drawn from the LLM steps of recorded agent sessions (agentcgroup), a median a
tool and a log-normal spread an attempt. A guessed step survives if the true plan holds the same tool on the same
parents, all the way up: a work key without its inputs. Nothing here runs in wall-clock time but the learner itself.
"""

import hashlib
import heapq
import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.datasets import PlanRecord, document, lines
from learner.learner import Learner
from learner.models.plan_similarity import guess_similarity
from learner.predictor import PlanExample, ToolText, TrainedPlanPredictor
from planners.agents import AgentSpec, Catalog
from planners.model import NodeId, StepId, TaskId, WorkKey, digest
from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.speculative.predictor import GuessedPlan
from planners.tasks import PlanningOptions
from planners.workflow import Step
from reconciler.gate import Decision, GatePolicy, GateState, Guidance, Prices, decide, price, refused_for_price
from reconciler.state.outcomes import Outcome, Verdict

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
class _Attempt:
    planned: PlannedStep
    decision: Decision
    start_s: float
    end_s: float


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
        agents = {tool.name: AgentSpec(name=tool.name, capability=tool.name, expected_s=3.0) for tool in self.tools}
        self._catalog = Catalog(agents=tuple(agents.values()))

    def live(self, task: PlanExample, kind: str = KIND) -> Lived:
        """Guess, decide, work, reconcile, learn: one task from its admission to its outcomes."""
        self._number += 1
        predictor = self.predictor or TrainedPlanPredictor.cold(self.tools)
        guesses = predictor.predict(task.request)
        snapshot = self.learner.snapshot()
        guidance = snapshot.guidance_for(kind)
        plan_s = self._draw(self._random.choice(self.latencies_s))
        true_s = [self._draw(self._median_s(tool)) for tool in task.steps]
        guess = _speculative(guesses[0], self._known, snapshot.costs.duration) if guesses else None
        truth = Counter(_signatures(task.steps, task.edges))
        attempts, refused = self._speculate(guess, plan_s, true_s, task, guidance) if guess else ([], {})
        lived = self._reconcile(task, truth, attempts, plan_s, true_s)
        outcomes = self._outcomes(guess, truth, attempts, refused, plan_s)
        self.learner.observe(outcome.model_copy(update={"task_kind": kind}) for outcome in outcomes)
        self.learner.observe_plans([task])
        return Lived(
            **lived,
            similarity=guess_similarity(predictor, task),
            guessed=len(guess.steps) if guess else 0,
            dispatched=len(attempts),
            throttle=0.0 if guidance.closed else guidance.throttle,
        )

    @property
    def _known(self) -> Catalog:
        return self._catalog

    def _speculate(
        self, guess: Plan, plan_s: float, true_s: list[float], task: PlanExample, guidance: Guidance
    ) -> tuple[list[_Attempt], dict[StepId, Decision]]:
        """What the gate starts until the optimal plan is there."""
        expected = dict(zip(_signatures(task.steps, task.edges), true_s, strict=True))
        state = GateState(throttle=guidance.throttle, closed=guidance.closed)
        attempts: dict[StepId, _Attempt] = {}
        refused: dict[StepId, Decision] = {}
        moments = [_GUESS_S]
        while moments and (now_s := heapq.heappop(moments)) < plan_s:
            candidates = price(
                guess,
                catalog=self._catalog,
                now_s=now_s,
                expected_plan_s=guidance.expected_plan_s(now_s, _PRIOR_PLAN_S),
                under_way={step: attempt.end_s for step, attempt in attempts.items()},
                prices=Prices(),
                options=_OPTIONS,
                policy=self.policy,
                calibration=guidance.calibration,
            )
            done = {step for step, attempt in attempts.items() if attempt.end_s <= now_s}
            ready = [c for c in candidates if done.issuperset(guess.by_id[c.step].step.parents)]
            live = len(attempts) - len(done)
            for decision in decide(ready, state.model_copy(update={"attempts": live}), self.policy, _OPTIONS):
                refused[decision.step] = decision
                if decision.dispatch:
                    planned = guess.by_id[decision.step]
                    seconds = expected.get(planned.work_key) or self._draw(self._median_s(planned.step.capability))
                    attempts[decision.step] = _Attempt(planned, decision, now_s, now_s + seconds)
                    heapq.heappush(moments, now_s + seconds)
            state = state.model_copy(update={"refused": refused_for_price(refused.values(), state.refused)})
        return list(attempts.values()), {step: d for step, d in refused.items() if step not in attempts}

    def _reconcile(
        self, task: PlanExample, truth: Counter[str], attempts: list[_Attempt], plan_s: float, true_s: list[float]
    ) -> dict[str, float]:
        """Survivors keep what they have done, the others end with the plan, the rest starts then."""
        keys = _signatures(task.steps, task.edges)
        early: dict[str, float] = {}
        wasted_s = spent_s = 0.0
        left = Counter(truth)
        for attempt in attempts:
            if left[attempt.planned.work_key] > 0:
                left[attempt.planned.work_key] -= 1
                early[attempt.planned.work_key] = attempt.end_s
            else:
                wasted_s += min(attempt.end_s, plan_s) - attempt.start_s
        spent_s = wasted_s + sum(true_s)
        oracle_s = _run_end(task, true_s, keys, {}, 0.0)
        return {
            "wait_s": plan_s + oracle_s,
            "spec_s": max(plan_s, _run_end(task, true_s, keys, early, plan_s)),
            "oracle_s": oracle_s,
            "agent_s": spent_s,
            "wasted_s": wasted_s,
        }

    def _outcomes(
        self,
        guess: Plan | None,
        truth: Counter[str],
        attempts: list[_Attempt],
        refused: dict[StepId, Decision],
        plan_s: float,
    ) -> list[Outcome]:
        """A verdict for every guess, taken or not."""
        if guess is None:
            return []
        taken, left = {attempt.decision.step: attempt for attempt in attempts}, Counter(truth)
        outcomes = []
        for planned in guess.steps:
            survived = left[planned.work_key] > 0
            left[planned.work_key] -= survived
            attempt = taken.get(planned.id)
            decision = attempt.decision if attempt else refused.get(planned.id)
            if decision is not None:
                outcomes.append(self._outcome(planned, decision, attempt, plan_s, survived=survived))
        return outcomes

    def _outcome(
        self, planned: PlannedStep, decision: Decision, attempt: _Attempt | None, plan_s: float, *, survived: bool
    ) -> Outcome:
        end_s = attempt.end_s if attempt and survived else min(attempt.end_s, plan_s) if attempt else 0.0
        return Outcome(
            task=TaskId(f"t{self._number}"),
            task_kind=KIND,
            attempt=f"t{self._number}:{planned.id}",
            step=planned.id,
            capability=planned.step.capability,
            agent=planned.placement.agent,
            node=planned.placement.node,
            speculative=True,
            verdict=Verdict.COMMIT if survived else Verdict.FLUSH,
            succeeded=(attempt is not None and attempt.end_s <= plan_s) or survived,
            seconds=end_s - attempt.start_s if attempt else 0.0,
            expected_s=planned.placement.duration_s,
            appraisal=decision.appraisal,
            realised_s=min(end_s, plan_s) - attempt.start_s if attempt and survived else None,
            dispatched=attempt is not None,
            planning_s=plan_s,
            value_of_time_usd_per_s=_OPTIONS.value_of_time_usd_per_s,
        )

    def _median_s(self, tool: str) -> float:
        """A tool's median: one of the recorded latencies, the same in every run."""
        number = int.from_bytes(hashlib.blake2b(tool.encode(), digest_size=8).digest())
        return self.latencies_s[number % len(self.latencies_s)]

    def _draw(self, median_s: float) -> float:
        return median_s * math.exp(self._random.gauss(0.0, _SPREAD))


def _speculative(guess: GuessedPlan, catalog: Catalog, duration: Any) -> Plan:
    """The guess as a plan: each step as soon as its parents allow, as likely as the least likely of what it needs."""
    keys = _signatures(guess.steps, guess.edges)
    steps: list[PlannedStep] = []
    for index, tool in enumerate(guess.steps):
        edges = [(edge[0], p) for edge, p in zip(guess.edges, guess.edge_probability, strict=True) if edge[1] == index]
        step = Step(id=StepId(f"s{index}"), capability=tool, after=tuple(StepId(f"s{parent}") for parent, _ in edges))
        agent = catalog.by_name.get(tool) or AgentSpec(name=tool, capability=tool)
        chances = [guess.step_probability[index], *(p for _, p in edges), *(steps[q].probability for q, _ in edges)]
        steps.append(
            PlannedStep(
                step=step,
                placement=Placement(
                    agent=agent.name,
                    node=NodeId("n"),
                    start_s=max((steps[parent].placement.end_s for parent, _ in edges), default=0.0),
                    duration_s=duration(agent, step).mean_s,
                ),
                work_key=WorkKey(keys[index]),
                probability=min(1.0, max(0.0, min(chances))),
            )
        )
    return Plan(kind=PlanKind.SPECULATIVE, steps=tuple(steps))


def _signatures(steps: Sequence[str], edges: Sequence[tuple[int, int]]) -> list[str]:
    """A work key without inputs: the tool, and the keys of its parents. Parents come first."""
    keys: list[str] = []
    for index, tool in enumerate(steps):
        keys.append(digest(tool, *sorted(keys[parent] for parent, child in edges if child == index and parent < index)))
    return keys


def _run_end(
    task: PlanExample, seconds: Sequence[float], keys: Sequence[str], early: dict[str, float], start_s: float
) -> float:
    ends: list[float] = []
    for index, key in enumerate(keys):
        ready_s = max([start_s, *(ends[parent] for parent, child in task.edges if child == index and parent < index)])
        ends.append(early.get(key, ready_s + seconds[index]))
    return max(ends, default=start_s)


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
