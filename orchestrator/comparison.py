"""Compares two runs: their plans, the seconds and verdicts of each step, what they cost, and their outputs. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from pydantic import Field, JsonValue

from planners.model import AgentName, NodeId, StepId, TaskId, Versioned
from planners.plans import Plan
from planners.similarity import similarity
from reconciler.state.commands import RunStatus
from reconciler.state.outcomes import Verdict
from reconciler.views.models import PlansView, TaskView, Timeline, TimelineBar

_FIGURES = (
    "first_dispatch_s",
    "speculative_plan_s",
    "optimal_plan_s",
    "ended_s",
    "saved_s",
    "agent_s",
    "wasted_s",
    "failed_attempts",
    "usd",
)


class RecordedRun(NamedTuple):
    """What the API tells of one task."""

    view: TaskView
    plans: PlansView
    timeline: Timeline


class StepOfRun(Versioned):
    """What became of a step in one run: the attempt that served it, or the last one that did not."""

    agent: AgentName
    node: NodeId
    status: str
    verdict: Verdict | None = None
    seconds: float | None = None
    attempts: int = 1
    kept: bool = False


class StepDifference(Versioned):
    """A step in both runs; None where a run does not have it. ``changed`` names what differs besides seconds."""

    step: StepId
    a: StepOfRun | None = None
    b: StepOfRun | None = None
    changed: tuple[str, ...] = ()


class PlanDifference(Versioned):
    """The optimal plans: steps that only one has, and steps that another agent does. Similarity is 0..1."""

    only_a: tuple[StepId, ...] = ()
    only_b: tuple[StepId, ...] = ()
    other_agent: tuple[StepId, ...] = ()
    similarity: float | None = None


class OutputDifference(Versioned):
    """An output of the task that differs; None where a run does not return it."""

    name: str
    a: JsonValue = None
    b: JsonValue = None


class RunDifference(Versioned):
    """How two runs differ. ``figures`` holds by name what each run has, even if it is the same."""

    a: TaskId
    b: TaskId
    status: tuple[RunStatus, RunStatus]
    figures: dict[str, tuple[float | None, float | None]] = Field(default_factory=dict)
    plans: PlanDifference = PlanDifference()
    steps: tuple[StepDifference, ...] = ()
    outputs: tuple[OutputDifference, ...] = ()


def compared(a: RecordedRun, b: RecordedRun) -> RunDifference:
    """The differences between two runs."""
    return RunDifference(
        a=a.view.id,
        b=b.view.id,
        status=(a.view.status, b.view.status),
        figures={name: (getattr(a.view, name), getattr(b.view, name)) for name in _FIGURES},
        plans=_plans(a.plans.optimal, b.plans.optimal),
        steps=_steps(a.timeline, b.timeline),
        outputs=_outputs(a.view.outputs or {}, b.view.outputs or {}),
    )


def _plans(a: Plan | None, b: Plan | None) -> PlanDifference:
    if a is None or b is None:
        return PlanDifference(
            only_a=tuple(a.by_id) if a is not None else (), only_b=tuple(b.by_id) if b is not None else ()
        )
    common = [step for step in a.by_id if step in b.by_id]
    return PlanDifference(
        only_a=tuple(step for step in a.by_id if step not in b.by_id),
        only_b=tuple(step for step in b.by_id if step not in a.by_id),
        other_agent=tuple(step for step in common if a.by_id[step].placement.agent != b.by_id[step].placement.agent),
        similarity=similarity(a, b).similarity,
    )


def _steps(a: Timeline, b: Timeline) -> tuple[StepDifference, ...]:
    mine, other = _by_step(a), _by_step(b)
    found = []
    for step in dict.fromkeys((*mine, *other)):
        one, two = mine.get(step), other.get(step)
        changed = () if one is None or two is None else _changed(one, two)
        found.append(StepDifference(step=step, a=one, b=two, changed=changed))
    return tuple(found)


def _changed(one: StepOfRun, two: StepOfRun) -> tuple[str, ...]:
    names = ("agent", "node", "status", "verdict", "attempts", "kept")
    return tuple(name for name in names if getattr(one, name) != getattr(two, name))


def _by_step(timeline: Timeline) -> dict[StepId, StepOfRun]:
    bars: dict[StepId, list[TimelineBar]] = {}
    for bar in timeline.bars:
        bars.setdefault(bar.step, []).append(bar)
    return {step: _of_step(tries, timeline.task) for step, tries in bars.items()}


def _of_step(tries: list[TimelineBar], task: TaskId) -> StepOfRun:
    serving = [bar for bar in tries if bar.status == "finished" and bar.verdict is not None and bar.verdict.survives]
    bar = (serving or tries)[-1]
    ran = bar.ended_s is not None and bar.started_s is not None
    kept = not bar.attempt.startswith(f"{task}.")
    return StepOfRun(
        agent=bar.agent,
        node=bar.node,
        status=bar.status,
        verdict=bar.verdict,
        seconds=None if kept or not ran else (bar.ended_s or 0.0) - (bar.started_s or 0.0),
        attempts=0 if kept else len(tries),
        kept=kept,
    )


def _outputs(a: Mapping[str, JsonValue], b: Mapping[str, JsonValue]) -> tuple[OutputDifference, ...]:
    names = dict.fromkeys((*a, *b))
    return tuple(
        OutputDifference(name=name, a=a.get(name), b=b.get(name))
        for name in names
        if a.get(name) != b.get(name) or (name in a) is not (name in b)
    )
