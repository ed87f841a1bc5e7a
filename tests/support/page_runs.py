"""Runs made up for the page: plans that differ, attempts with every verdict, and how they look at any moment."""

import asyncio
import random
import time
from dataclasses import dataclass, field, replace
from typing import Any

from page_server import PageServer

from orchestrator.gateway.task_ids import new_task_id
from planners.agents import AgentSpec, Catalog, Effect, Price, Provider
from planners.bindings import Gather, InputRef, StepRef, Value
from planners.cluster import ClusterNode, ClusterSnapshot, Reservation
from planners.model import AttemptId, NodeId, StepId, TaskId, WorkKey, digest
from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.resources import Resources
from planners.similarity import similarity
from planners.tasks import AdmittedTask, Task
from planners.workflow import Step
from reconciler.gate import Appraisal, Decision, Refusal
from reconciler.state.commands import RunStatus
from reconciler.state.evidence import FailureEvidence, Frame, RaisedException
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.outcomes import Verdict
from reconciler.views.logs import LogLevel
from reconciler.views.models import PlansView, StepCounts, TimelineBar

CATALOG = Catalog(
    agents=(
        AgentSpec(name="searcher", capability="search", provider="web", kind="async", expected_s=0.8),
        AgentSpec(name="reader", capability="read", expected_s=1.5, description="Reads a page and keeps what matters"),
        AgentSpec(
            name="writer-small", capability="write", provider="openai", quality=0.6, price=Price(usd_per_call=2e-4)
        ),
        AgentSpec(
            name="writer-large", capability="write", provider="openai", quality=0.95, price=Price(usd_per_call=0.02)
        ),
        AgentSpec(name="publisher", capability="publish", effect=Effect.IRREVERSIBLE),
        AgentSpec(
            name="simulator", capability="simulate", resources=Resources(cpus=4, gpus=1), effect=Effect.STAGEABLE
        ),
    ),
    providers=(Provider(name="openai", max_concurrent=8, requests_per_s=1.0), Provider(name="web")),
)
CLUSTER = ClusterSnapshot(
    nodes=(
        ClusterNode(id=NodeId("head"), node_class="cpu", total=Resources(cpus=16)),
        ClusterNode(
            id=NodeId("5099e4c5117fa9d2c3b4a5968778695a4b3c2d1e0f"),
            node_class="cpu",
            total=Resources(cpus=16),
            speed=1.2,
        ),
        ClusterNode(id=NodeId("gpu-1"), node_class="gpu", total=Resources(cpus=8, gpus=2)),
    ),
    reservations=(
        Reservation(node=NodeId("head"), resources=Resources(cpus=9), end_s=4.0),
        Reservation(provider="openai", calls=3, end_s=2.0),
    ),
    warm=frozenset({("searcher", NodeId("head")), ("reader", NodeId("gpu-1"))}),
)
NODES = [node.id for node in CLUSTER.nodes]
EVIL = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'


def planned(  # noqa: PLR0917 - a table of steps reads best as rows
    id_: str,
    capability: str,
    agent: str,
    node: str,
    start_s: float,
    duration_s: float,
    *parents: str,
    probability: float = 1.0,
    **inputs: Any,
) -> PlannedStep:
    """A planned step whose inputs read all its parents."""
    bound = {name: Value(value=value) for name, value in inputs.items()}
    if len(parents) == 1:
        bound["text"] = StepRef(step=StepId(parents[0]))
    elif parents:
        bound["texts"] = Gather(gather=tuple(StepRef(step=StepId(parent)) for parent in parents))
    else:
        bound["topic"] = InputRef(input="topic")
    return PlannedStep(
        step=Step(id=StepId(id_), capability=capability, inputs=bound),
        placement=Placement(agent=agent, node=NodeId(node), start_s=start_s, duration_s=duration_s, usd=0.002),
        work_key=WorkKey(digest(capability, agent, *map(str, inputs.values()), *parents)),
        probability=probability,
    )


@dataclass
class MadeUpRun:
    """How a run ends, from which `at` derives how it looks before."""

    name: str
    guess: Plan
    plan: Plan
    bars: list[TimelineBar]
    plan_s: float
    guess_s: float = 0.011
    failure: Failure | None = None
    refusals: tuple[Decision, ...] = ()
    kind: str = "briefing"
    outputs: dict[str, Any] = field(default_factory=dict)

    @property
    def end_s(self) -> float:
        return max(bar.ended_s or 0.0 for bar in self.bars)

    def bar_at(self, bar: TimelineBar, at_s: float) -> TimelineBar | None:
        """How an attempt looked at a moment; None before its dispatch."""
        if bar.dispatched_s > at_s:
            return None
        update: dict[str, Any] = {}
        if bar.verdict is not None and at_s < self.plan_s:
            update["verdict"] = None
        if bar.ended_s is not None and bar.ended_s > at_s:
            started = bar.started_s is not None and bar.started_s <= at_s
            update |= {"ended_s": None, "status": "running" if started else "dispatched", "failure": None, "reason": ""}
            update |= {} if started else {"started_s": None}
        return bar.model_copy(update=update)

    def counts(self, at_s: float) -> StepCounts:
        plan = self.plan if at_s >= self.plan_s else self.guess
        used = {
            bar.step
            for bar in self.bars
            if bar.verdict is not Verdict.FLUSH and bar.status == "finished" and (bar.ended_s or 0) <= at_s
        }
        running = {bar.step for bar in self.bars if bar.dispatched_s <= at_s < (bar.ended_s or 0)} - used
        total = len(plan.steps)
        return StepCounts(
            total=total,
            finished=min(total, len(used)),
            running=len(running),
            waiting=max(0, total - len(used) - len(running)),
        )

    def view(self, at_s: float) -> dict[str, Any]:
        """Fields of the task's view at a moment."""
        ended = at_s >= self.end_s
        status = (
            (RunStatus.FAILED if self.failure else RunStatus.SUCCEEDED)
            if ended
            else RunStatus.RUNNING
            if at_s >= self.plan_s
            else RunStatus.PLANNING
        )
        agent_s = sum(
            min(bar.ended_s or 0, at_s) - bar.started_s
            for bar in self.bars
            if bar.started_s is not None and bar.started_s < at_s
        )
        wasted_s = sum(
            (bar.ended_s or 0) - (bar.started_s or 0)
            for bar in self.bars
            if bar.verdict is Verdict.FLUSH and at_s > self.plan_s and bar.started_s
        )
        return {
            "status": status,
            "steps": self.counts(at_s),
            "first_dispatch_s": min(bar.dispatched_s for bar in self.bars),
            "speculative_plan_s": self.guess_s,
            "optimal_plan_s": self.plan_s if at_s >= self.plan_s else None,
            "ended_s": self.end_s if ended else None,
            "saved_s": 1.93 if ended and not self.failure else None,
            "agent_s": agent_s,
            "wasted_s": wasted_s,
            "usd": 0.0213 if at_s > 1 else 0.0,
            "failure": self.failure if ended else None,
            "similarity": similarity(self.guess, self.plan).similarity if ended else None,
            "outputs": self.outputs if ended and not self.failure else None,
        }

    def plans(self, at_s: float, task: TaskId) -> PlansView:
        return PlansView(task=task, speculative=self.guess, optimal=self.plan if at_s >= self.plan_s else None)


async def submitted(server: PageServer, run: MadeUpRun, age_s: float = 0.0) -> TaskId:
    """A task of this run, admitted some seconds ago."""
    now_s = time.time() - age_s
    task = Task.model_validate(
        {
            "name": run.name,
            "kind": run.kind,
            "inputs": {"topic": "spin qubits in germanium"},
            "workflow": {"steps": [{"id": "a", "capability": "search", "inputs": {"topic": "$inputs.topic"}}]},
        }
    )
    admitted = AdmittedTask(id=new_task_id(now_s), task=task, submitted_at_s=now_s)
    return (await server.gateway.submit(admitted)).id


async def shown(server: PageServer, task: TaskId, run: MadeUpRun, at_s: float) -> None:
    """Let the task look as the run does at a moment."""
    bars = [bar for final in run.bars if (bar := run.bar_at(final, at_s)) is not None]
    timeline = {
        "optimal_plan_s": run.plan_s if at_s >= run.plan_s else None,
        "speculative_plan_s": run.guess_s,
        "refusals": run.refusals,
    }
    await server.gateway.show(task, bars, run.plans(at_s, task), timeline, **run.view(at_s))
    done = {bar.step: f"text of {bar.step}. " * 12 for bar in bars if bar.status == "finished"}
    server.gateway._find(task).outputs.update(done)


async def ended(server: PageServer, run: MadeUpRun, age_s: float = 60.0) -> TaskId:
    """A task whose run has ended."""
    task = await submitted(server, run, age_s)
    await shown(server, task, run, run.end_s)
    return task


def logged(server: PageServer, task: TaskId) -> None:
    """Let a task have printed and logged something."""
    lines = (
        ("search[0]", "found 12 pages", LogLevel.INFO),
        ("draft", f"asking the model <b>again</b> {EVIL}", LogLevel.WARNING),
        ("draft", "no text in the answer\nTraceback (most recent call last):\n  KeyError: 'choices'", LogLevel.ERROR),
    )
    for step, text, level in lines:
        server.run(server.gateway.log(task, step, text, level))


async def many(server: PageServer, run: MadeUpRun, count: int) -> None:
    """So many tasks of this run that have ended, one a second."""
    first = server.gateway._find(await ended(server, run, age_s=0.0))
    for number in range(1, count):
        at_s = first.view.submitted_at_s - number
        task = new_task_id(at_s)
        view = first.view.model_copy(update={"id": task, "submitted_at_s": at_s, "name": f"{run.name} {number}"})
        server.gateway._stored[task] = replace(first, view=view)


async def played(server: PageServer, task: TaskId, run: MadeUpRun, *, speed: float = 1.0, tick_s: float = 0.1) -> None:
    """Play a run in real time, so many times as fast; only what has changed is told."""
    began, told, plan_told = time.monotonic(), {}, -1.0
    while True:
        at_s = (time.monotonic() - began) * speed
        bars = [bar for final in run.bars if (bar := run.bar_at(final, at_s)) is not None]
        news = [bar for bar in bars if told.get(bar.attempt) != (bar.status, bar.verdict)]
        told |= {bar.attempt: (bar.status, bar.verdict) for bar in news}
        plans = None
        if (plan_told < 0) or (plan_told < run.plan_s <= at_s):
            plans, plan_told = run.plans(at_s, task), at_s
        await server.gateway.show(
            task, news, plans, {"optimal_plan_s": run.plan_s if at_s >= run.plan_s else None}, **run.view(at_s)
        )
        if at_s >= run.end_s:
            return
        await asyncio.sleep(tick_s)


def _bar(
    step: PlannedStep,
    number: int,
    times: tuple[float, float, float],
    *,
    speculative: bool,
    verdict: Verdict | None,
    **more: Any,
) -> TimelineBar:
    dispatched_s, started_s, ended_s = times
    appraisal = (
        Appraisal(claimed=0.9, probability=0.83, saved_s=2.1, own_s=1.2, cost_usd=0.0011) if speculative else None
    )
    given: dict[str, Any] = {
        "attempt": AttemptId(f"{step.id}#{number}"),
        "step": step.id,
        "capability": step.step.capability,
        "agent": step.placement.agent,
        "node": step.placement.node,
        "epoch": 1,
        "speculative": speculative,
        "verdict": verdict,
        "status": "flushed" if verdict is Verdict.FLUSH else "finished",
        "dispatched_s": dispatched_s,
        "started_s": started_s,
        "ended_s": ended_s,
        "usd": 0.0021,
        "appraisal": appraisal,
    }
    return TimelineBar(**(given | more))


def briefing(
    *, fails: bool = False, idle_s: float = 0.0, name: str = "Briefing on spin qubits in germanium"
) -> MadeUpRun:
    """A guess that is mostly right, a plan after 2.6 s, one wrong branch, one re-parented step, one retry."""
    far, gpu = NODES[1], "gpu-1"
    searches = [
        planned(f"search[{n}]", "search", "searcher", "head", 0, 0.8, query=n, probability=0.93) for n in range(5)
    ]
    reads = [
        planned(f"read[{n}]", "read", "reader", [far, gpu][n % 2], 0.8, 1.4, f"search[{n}]", probability=0.88)
        for n in range(5)
    ]
    compare = planned("compare", "write", "writer-large", "head", 2.3, 2.0, *(f"read[{n}]" for n in range(5)))
    draft = planned("draft", "write", "writer-large", "head", 4.4, 2.4, "compare")
    guessed = planned(
        "compare", "write", "writer-small", "head", 2.3, 1.0, *(f"read[{n}]" for n in range(5)), probability=0.61
    )
    figure = planned("figure", "simulate", "simulator", gpu, 0.8, 3.0, "search[0]", probability=0.44)
    chart = planned("chart", "simulate", "simulator", gpu, 0.8, 3.0, "search[1]", probability=0.5)
    moved = chart.model_copy(update={"step": chart.step.model_copy(update={"id": StepId("appendix")})})
    publish = planned("publish", "publish", "publisher", "head", 7, 0.6, "draft", "appendix")
    guess = Plan(
        kind=PlanKind.SPECULATIVE,
        origin="retrieval",
        planning_s=0.011,
        steps=(*searches, *reads, figure, chart, guessed),
    )
    plan = Plan(
        kind=PlanKind.OPTIMAL,
        origin="cp-sat",
        planning_s=2.6,
        gap=0.0,
        steps=(*searches, *reads, compare, moved, draft, publish),
    )
    bars = [
        _bar(s, 1, (0.012, 0.02 + 0.02 * n, 0.8 + 0.07 * n), speculative=True, verdict=Verdict.COMMIT)
        for n, s in enumerate(searches)
    ]
    bars += [
        _bar(
            s,
            1,
            (0.8 + 0.07 * n, 0.85 + 0.25 * n, 2.0 + 0.35 * n),
            speculative=True,
            verdict=[Verdict.COMMIT, Verdict.KEEP, Verdict.COMMIT, Verdict.MIGRATE, Verdict.COMMIT][n],
        )
        for n, s in enumerate(reads)
    ]
    bars.append(
        _bar(
            reads[3].model_copy(update={"placement": reads[3].placement.model_copy(update={"node": NodeId("head")})}),
            2,
            (2.62, 2.65, 3.5),
            speculative=False,
            verdict=Verdict.COMMIT,
        )
    )
    bars.append(
        _bar(
            figure,
            1,
            (0.85, 0.9, 2.6),
            speculative=True,
            verdict=Verdict.FLUSH,
            reason="the optimal plan does not hold this work",
        )
    )
    bars.append(_bar(moved, 1, (0.9, 1.4, 4.6), speculative=True, verdict=Verdict.REPARENT))
    later = idle_s
    bars.append(
        _bar(
            compare,
            1,
            (3.5, 3.55, 4.1),
            speculative=False,
            verdict=None,
            status="failed",
            failure=Failure(
                kind=FailureKind.ERROR,
                message="the provider answered 429",
                error_type="RateLimitError",
                fix="raise the provider's limit",
            ),
            reason="the provider answered 429",
        )
    )
    bars.append(_bar(compare, 2, (4.3, 4.3, 6.2), speculative=False, verdict=Verdict.COMMIT))
    if not fails:
        bars.append(_bar(draft, 1, (6.2, 6.25 + later, 8.6 + later), speculative=False, verdict=Verdict.COMMIT))
        bars.append(
            _bar(publish, 1, (8.6 + later, 8.7 + later, 9.3 + later), speculative=False, verdict=Verdict.COMMIT)
        )
        failure = None
    else:
        failure = Failure(
            kind=FailureKind.ERROR,
            message=f"step 'draft' failed: the model returned no text {EVIL}",
            error_type="ValueError",
            fix="see the traceback, mend the agent and retry",
            evidence=FailureEvidence(
                step=StepId("draft"),
                agent="writer-large",
                node=NodeId("head"),
                attempt=AttemptId("draft#1"),
                frame=Frame(file="/srv/agents.py", line=9, function="draft", code='raise ValueError("no text")'),
                exceptions=(
                    RaisedException(error_type="KeyError", message="'choices'"),
                    RaisedException(error_type="ValueError", message="no text"),
                ),
                traceback='Traceback (most recent call last):\n  File "agents.py", line 9, in draft\n' + EVIL,
                inputs={"text": EVIL},
                stderr=f"warning: {EVIL}",
                tries=2,
            ),
        )
        bars.append(
            _bar(
                draft,
                1,
                (6.2, 6.25, 8.0),
                speculative=False,
                verdict=None,
                status="failed",
                failure=failure,
                reason=failure.message,
            )
        )
    refusals = (
        Decision(
            step=StepId("compare"),
            agent="writer-small",
            node=NodeId("head"),
            dispatch=False,
            refusal=Refusal.PRICE,
            reason="the expected gain is below the charge",
            margin_usd=-0.0007,
            appraisal=Appraisal(claimed=0.61, probability=0.52, saved_s=0.8, cost_usd=0.0031),
        ),
    )
    return MadeUpRun(
        name,
        guess,
        plan,
        bars,
        2.6,
        failure=failure,
        refusals=refusals,
        outputs={"briefing": "Germanium holes couple to electric fields. " * 4, "note": EVIL},
    )


def large(steps: int, *, seed: int = 7, spread_s: float = 20.0) -> MadeUpRun:
    """Many chains that fan out and in; the plan comes after a quarter of the time; most guesses are right."""
    dice = random.Random(seed)
    planned_steps, bars = [], []
    agents = {"search": "searcher", "read": "reader", "write": "writer-small"}
    width = 50
    ends: dict[str, float] = {}
    plan_s = spread_s / 4
    for index in range(steps):
        layer, column = divmod(index, width)
        capability = ("search", "read", "write")[layer % 3]
        parents = [f"s{(layer - 1) * width + column:05d}"] if layer else []
        if layer and column % 10 == 0:
            parents += [f"s{(layer - 1) * width + (column + n) % width:05d}" for n in range(1, 5)]
        node = NODES[dice.randrange(3)]
        step = planned(
            f"s{index:05d}", capability, agents[capability], node, 0, 0.3, *parents, probability=0.9, n=index
        )
        planned_steps.append(step)
        ready_s = max((ends[parent] for parent in parents), default=0.0)
        layers = max(1, steps // width)
        wait_s, work_s = dice.expovariate(1 / (spread_s / layers / 6)), dice.uniform(0.3, 0.8) * spread_s / layers
        ends[step.id] = ready_s + wait_s + work_s
        speculative = ready_s < plan_s
        verdict = Verdict.COMMIT if not speculative or dice.random() > 0.1 else Verdict.KEEP
        bars.append(_bar(step, 1, (ready_s, ready_s + wait_s, ends[step.id]), speculative=speculative, verdict=verdict))
    guess = Plan(kind=PlanKind.SPECULATIVE, origin="retrieval", steps=tuple(planned_steps))
    plan = Plan(kind=PlanKind.OPTIMAL, origin="heft", planning_s=plan_s, steps=tuple(planned_steps))
    return MadeUpRun(f"Campaign of {steps} steps", guess, plan, bars, plan_s, kind="campaign")


LEARNED: dict[str, Any] = {
    "enabled": True,
    "outcomes": 1243,
    "version": 7,
    "problems": [],
    "kinds": {
        "briefing": {"throttle": 1.0, "closed": False, "drifting": False, "plan_p50_s": 2.4, "plan_p90_s": 4.1},
        "campaign": {"throttle": 0.6, "closed": False, "drifting": True, "plan_p50_s": 4.9, "plan_p90_s": 7.0},
    },
    "ledger": {
        "total": {
            "decisions": 812,
            "dispatched": 655,
            "survived": 590,
            "realised_s": 1210.5,
            "wasted_s": 80.2,
            "wasted_usd": 0.31,
            "waste": 0.061,
            "worth_usd": {"gate": 1.12, "oracle": 1.31, "always": 0.87, "never": 0.0},
            "regret_usd": {"oracle": 0.19, "always": -0.25, "never": -1.12},
            "calibration": {
                "count": 812,
                "brier": 0.081,
                "ece": 0.034,
                "bins": [
                    {
                        "low": n / 10,
                        "high": (n + 1) / 10,
                        "count": 12 + 9 * n * n,
                        "claimed": n / 10 + 0.05,
                        "observed": min(1.0, n / 10 + 0.02 + 0.03 * (n % 3)),
                    }
                    for n in range(10)
                ],
            },
        },
        "by_kind": {},
        "entries": [
            {
                "task": f"t{n:012x}-{n:016x}",
                "step": f"read[{n}]",
                "agent": "reader",
                "probability": 0.5 + n / 40,
                "saved_s": 1.1 * n,
                "cost_usd": 0.0012,
                "dispatched": n % 4 != 3,
                "verdict": "flush" if n % 5 == 2 else "commit",
                "realised_s": 0.0 if n % 5 == 2 else 1.3,
                "wasted_s": 0.9 if n % 5 == 2 else 0.0,
            }
            for n in range(12)
        ],
    },
}
