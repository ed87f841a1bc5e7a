"""A run in the Trace Event Format, which Perfetto (ui.perfetto.dev) and chrome://tracing open. Pure.

Nodes are processes, agents are threads; an agent that works on several steps at once gets several threads. Times are
microseconds from admission. See the "Trace Event Format" document of the Chromium project.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import Field

from planners.model import Model
from reconciler.state.outcomes import Verdict
from reconciler.views.models import TaskView, Timeline, TimelineBar

_RUN = 0  # the process that holds the run itself
# Reserved colour names of the viewers.
_COLOURS = {
    Verdict.COMMIT: "good",
    Verdict.REPARENT: "rail_animation",
    Verdict.KEEP: "rail_response",
    Verdict.MIGRATE: "rail_load",
    Verdict.FLUSH: "bad",
}


class RunTrace(Model):
    """A trace. The names are those of the format."""

    trace_events: tuple[dict[str, Any], ...] = Field(serialization_alias="traceEvents", description="The events")
    display_time_unit: str = Field(
        default="ms", serialization_alias="displayTimeUnit", description="The unit in which viewers show times"
    )
    other_data: dict[str, Any] = Field(default_factory=dict, serialization_alias="otherData", description="The task")


def run_trace(view: TaskView, timeline: Timeline) -> RunTrace:
    """The trace of a run, ended or not."""
    now_s = max([view.ended_s or 0.0, *(max(_moments(bar)) for bar in timeline.bars)], default=0.0)
    nodes = {node: index for index, node in enumerate(dict.fromkeys(bar.node for bar in timeline.bars), 1)}
    events = [*_of_run(view, timeline, now_s)]
    events += [_name("process_name", pid, 0, node) for node, pid in nodes.items()]
    for thread, lane in enumerate(_lanes(timeline.bars, now_s), 1):
        pid = nodes[lane[0].node]
        events.append(_name("thread_name", pid, thread, lane[0].agent))
        events += [event for bar in lane for event in _of_attempt(bar, pid, thread, now_s)]
    known = {"task": view.id, "name": view.name, "status": view.status.value, "submitted_at_s": view.submitted_at_s}
    return RunTrace(trace_events=tuple(events), other_data=known)


def _lanes(bars: Sequence[TimelineBar], now_s: float) -> list[list[TimelineBar]]:
    """Attempts of one agent on one node that do not overlap: what a thread of the format may hold."""
    by_agent: dict[tuple[str, str], list[list[TimelineBar]]] = {}
    for bar in sorted(bars, key=lambda bar: bar.dispatched_s):
        lanes = by_agent.setdefault((bar.node, bar.agent), [])
        free = next((lane for lane in lanes if _end_s(lane[-1], now_s) <= bar.dispatched_s), None)
        if free is None:
            lanes.append([bar])
        else:
            free.append(bar)
    return [lane for lanes in by_agent.values() for lane in lanes]


def _of_run(view: TaskView, timeline: Timeline, now_s: float) -> Iterator[dict[str, Any]]:
    yield _name("process_name", _RUN, 0, "task")
    yield _name("thread_name", _RUN, 1, view.name or view.id)
    yield _slice(view.name or view.id, "task", (0.0, now_s), (_RUN, 1), {"status": view.status.value})
    if timeline.optimal_plan_s is not None:
        yield _name("thread_name", _RUN, 2, "optimal planner")
        yield _slice("optimal planning", "plan", (0.0, timeline.optimal_plan_s), (_RUN, 2), {})
    moments = {"speculative plan": timeline.speculative_plan_s, "optimal plan": timeline.optimal_plan_s}
    for name, at_s in moments.items():
        if at_s is not None:
            yield {"name": name, "cat": "plan", "ph": "i", "s": "g", "ts": _microseconds(at_s), "pid": _RUN, "tid": 1}


def _of_attempt(bar: TimelineBar, pid: int, thread: int, now_s: float) -> Iterator[dict[str, Any]]:
    end_s = _end_s(bar, now_s)
    start_s = end_s if bar.started_s is None else bar.started_s
    known = {
        "attempt": bar.attempt,
        "status": bar.status,
        "verdict": bar.verdict and bar.verdict.value,
        "speculative": bar.speculative,
        "epoch": bar.epoch,
        "usd": bar.usd,
        "reason": bar.reason,
    }
    if bar.appraisal is not None:
        known |= {"P": bar.appraisal.probability, "L_s": bar.appraisal.saved_s, "C_usd": bar.appraisal.cost_usd}
    if start_s > bar.dispatched_s:
        waiting = _slice(f"{bar.step} (waiting)", "waiting", (bar.dispatched_s, start_s), (pid, thread), known)
        yield waiting | {"cname": "grey"}
    if bar.started_s is not None:
        working = _slice(bar.step, bar.capability, (start_s, end_s), (pid, thread), known)
        colour = "terrible" if bar.status == "failed" else _COLOURS.get(bar.verdict) if bar.verdict else None
        yield working | ({} if colour is None else {"cname": colour})


def _slice(
    name: str, category: str, span_s: tuple[float, float], track: tuple[int, int], known: dict[str, Any]
) -> dict[str, Any]:
    start_s, end_s = span_s
    duration = _microseconds(max(0.0, end_s - start_s))
    pid, thread = track
    return {
        "name": name,
        "cat": category,
        "ph": "X",
        "ts": _microseconds(start_s),
        "dur": duration,
        "pid": pid,
        "tid": thread,
        "args": known,
    }


def _name(kind: str, pid: int, thread: int, name: str) -> dict[str, Any]:
    return {"name": kind, "ph": "M", "pid": pid, "tid": thread, "args": {"name": name}}


def _microseconds(seconds: float) -> float:
    return round(seconds * 1e6, 3)


def _end_s(bar: TimelineBar, now_s: float) -> float:
    return now_s if bar.ended_s is None else bar.ended_s


def _moments(bar: TimelineBar) -> tuple[float, ...]:
    return tuple(at_s for at_s in (bar.dispatched_s, bar.started_s, bar.ended_s) if at_s is not None)
