"""`forerun bench textbook`: what policies of completion, parallel steps and routes gain in the patterns of textbooks.

A fan-out of eight agents of which one is five times slower, met by waiting, a timeout, a quorum and a second attempt;
and pipelines in sequence, side by side, and with a route. The pipelines add up to the figures of latency guides (39 s
to 12 s, 31 s to 11 s); how the seconds are spread over the steps is ours. Virtual time, agents only sleep.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from forerun import Price, TaskView, WorkflowBuilder, agent
from forerun import run as run_task
from planners.terms import ValueRef

WIDTH, AGENT_S, JOIN_S, TIMES_SLOWER = 8, 1.0, 1.0, 5
LOOK_UPS_S = (5.0, 5.0, 6.0, 6.0, 5.0, 6.0)
BRANCHES_S = {"refund": 5.0, "bug": 9.0, "sales": 11.0}
_PRICE = Price(usd_per_s=0.001)


@dataclass(frozen=True)
class Pattern:
    """A workflow, the seconds that it takes at best, and the label that its first step gives."""

    build: Callable[[WorkflowBuilder], object]
    critical_path_s: float
    straggler: bool = False
    first_only: bool = False  # whether only the first attempt of the straggler is slow


def _fan_out(*, step: Mapping[str, Any] | None = None, **policy: Any) -> Callable[[WorkflowBuilder], object]:
    def build(flow: WorkflowBuilder) -> ValueRef:
        with flow.for_each("each", list(range(WIDTH)), **policy) as each:
            flow.step("work", "work", {"item": flow.item}, **{"hedge": False, **(step or {})})
        return flow.step("join", "join", {"parts": each})

    return build


def _chain(flow: WorkflowBuilder) -> None:
    """Every step after the one before it."""
    before = flow.step("plan", "take", {"seconds": 2.0})
    for number, seconds in enumerate(LOOK_UPS_S):
        before = flow.step(f"look_{number}", "take", {"seconds": seconds}, after=before)
    flow.step("write", "take", {"seconds": 4.0}, after=before)


def _side_by_side(flow: WorkflowBuilder) -> None:
    """The same steps; the look-ups wait for the plan only."""
    plan = flow.step("plan", "take", {"seconds": 2.0})
    looked = [
        flow.step(f"look_{number}", "take", {"seconds": seconds}, after=plan)
        for number, seconds in enumerate(LOOK_UPS_S)
    ]
    flow.step("write", "take", {"seconds": 4.0}, after=looked)


def _all_branches(flow: WorkflowBuilder) -> None:
    """Every specialist is asked in turn, needed or not."""
    before = flow.step("triage", "take", {"seconds": 2.0})
    for name, seconds in BRANCHES_S.items():
        before = flow.step(name, "take", {"seconds": seconds}, after=before)
    flow.step("answer", "take", {"seconds": 4.0}, after=before)


def _routed(flow: WorkflowBuilder) -> None:
    """Only the specialist that triage names."""
    triage = flow.step("triage", "take", {"seconds": 2.0, "says": "refund"})
    with flow.route("way") as way:
        for name, seconds in BRANCHES_S.items():
            with way.case(triage == name):
                flow.step(name, "take", {"seconds": seconds})
    flow.step("answer", "take", {"seconds": 4.0, "says": way})


PATTERNS = {
    "fan-out, no straggler": Pattern(_fan_out(), AGENT_S + JOIN_S),
    "straggler, waited for": Pattern(_fan_out(), AGENT_S + JOIN_S, straggler=True),
    "straggler, timeout of 1.5 s": Pattern(_fan_out(timeout_s=1.5), AGENT_S + JOIN_S, straggler=True),
    "straggler, quorum of 7": Pattern(_fan_out(min_successful=7), AGENT_S + JOIN_S, straggler=True),
    "straggler, attempt of 1.1 s at most": Pattern(
        _fan_out(step={"timeout_s": 1.1, "retry": {"max_attempts": 2, "backoff_s": 0}}),
        AGENT_S + JOIN_S,
        straggler=True,
        first_only=True,
    ),
    "straggler, second attempt after 1.1 s": Pattern(
        _fan_out(step={"hedge": {"after_s": 1.1}}), AGENT_S + JOIN_S, straggler=True, first_only=True
    ),
    "straggler, second attempt as its peers tell": Pattern(
        _fan_out(step={"hedge": True}), AGENT_S + JOIN_S, straggler=True, first_only=True
    ),
    "straggler, timeout of 1.1 s": Pattern(_fan_out(timeout_s=1.1), AGENT_S + JOIN_S, straggler=True),
    "straggler, given up at 1.1 times its peers": Pattern(
        _fan_out(stragglers={"factor": 1.1}), AGENT_S + JOIN_S, straggler=True
    ),
    "look-ups in sequence": Pattern(_chain, 12.0),
    "look-ups side by side": Pattern(_side_by_side, 12.0),
    "all specialists in sequence": Pattern(_all_branches, 11.0),
    "one specialist by route": Pattern(_routed, 11.0),
}


def run() -> dict[str, Any]:
    """Seconds, share of the critical path, dollars, and what was lost, by pattern."""
    return {name: measured(pattern) for name, pattern in PATTERNS.items()}


def measured(pattern: Pattern) -> dict[str, Any]:
    """The figures of one pattern."""
    slow = {WIDTH - 1} if pattern.straggler else set[int]()

    @agent(capability="work", price=_PRICE)
    async def work(item: int) -> int:
        late = item in slow
        if pattern.first_only:
            slow.discard(item)
        await asyncio.sleep(AGENT_S * (TIMES_SLOWER if late else 1))
        return item

    @agent(capability="join", price=_PRICE)
    async def join(parts: list[int]) -> int:
        await asyncio.sleep(JOIN_S)
        return len(parts)

    @agent(capability="take", price=_PRICE)
    async def take(seconds: float, says: str = "") -> str:
        await asyncio.sleep(seconds)
        return says

    flow = WorkflowBuilder()
    pattern.build(flow)
    view = run_task({"workflow": flow.document()}, [work, join, take], virtual_time=True)
    return _figures(view, pattern.critical_path_s)


def _figures(view: TaskView, critical_path_s: float) -> dict[str, Any]:
    assert view.status == "succeeded", view.failure
    assert view.ended_s is not None
    assert view.first_dispatch_s is not None
    seconds = view.ended_s - view.first_dispatch_s
    joined = (view.outputs or {}).get("join")
    return {
        "seconds": seconds,
        "share_of_critical_path": critical_path_s / seconds,
        "usd": view.usd,
        "wasted_usd": view.wasted_usd,
        "lost_results": WIDTH - joined if isinstance(joined, int) else 0,
    }
