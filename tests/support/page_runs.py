"""Runs made up for the page: plans that differ, and attempts with every verdict."""

import random
from typing import Any

from made_up_runs import EVIL, MadeUpRun

from planners.agents import AgentSpec, Catalog, Effect, Price, Provider
from planners.bindings import Gather, InputRef, StepRef, Value
from planners.cluster import ClusterNode, ClusterSnapshot, Reservation
from planners.model import AttemptId, NodeId, StepId, WorkKey, digest
from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.resources import Resources
from planners.workflow import Step
from reconciler.gate import Appraisal, Decision, Refusal
from reconciler.state.evidence import FailureEvidence, Frame, RaisedException
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.outcomes import Verdict
from reconciler.views.models import TimelineBar

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
