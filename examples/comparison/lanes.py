"""The layout of the timeline: lanes by node and agent, one time axis for all runs. Lengths are in pixels."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from examples.comparison.measures import Run
from forerun import Mode, TimelineBar

WIDTH = 1160
GUTTER = 240
_RIGHT = 24
_ROW = 17
_BAR = 13
_LANE_GAP = 5
_HEAD = 40
_CHARACTER = 6.2
_TITLES = {
    Mode.WAIT: "Waiting for the optimal plan",
    Mode.FORERUN: "Forerun",
    Mode.ORACLE: "Oracle: the optimal plan known at time zero",
}


@dataclass(frozen=True)
class Box:
    """One attempt. ``kind`` is its CSS class, ``ahead`` the width of the part that ran before the plan arrived."""

    x: float
    y: float
    width: float
    ahead: float
    kind: str
    label: str
    tip: str
    height: int = _BAR


@dataclass(frozen=True)
class Lane:
    """The attempts of one agent on one node, with one row per concurrent attempt."""

    node: str
    agent: str
    y: float
    height: float
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class Mark:
    """A vertical line with a label; ``flip`` puts the label on its left."""

    x: float
    label: str
    kind: str
    flip: bool = False


@dataclass(frozen=True)
class Panel:
    """One run."""

    title: str
    subtitle: str
    y: float
    height: float
    lanes: tuple[Lane, ...]
    marks: tuple[Mark, ...]
    planned_x: float | None


@dataclass(frozen=True)
class Figure:
    """All runs of an act, one below another on the same time axis."""

    width: int
    gutter: int
    height: float
    panels: tuple[Panel, ...]
    ticks: tuple[Mark, ...]
    kinds: tuple[str, ...]


def figure(runs: Sequence[Run]) -> Figure:
    """Lay out the runs."""
    scale = _Scale(max((run.seconds for run in runs), default=1.0))
    panels: list[Panel] = []
    y = 0.0
    for run in runs:
        panels.append(_panel(run, y, scale))
        y += panels[-1].height + 14
    kinds = {box.kind for panel in panels for lane in panel.lanes for box in lane.boxes}
    return Figure(WIDTH, GUTTER, y + 26, tuple(panels), scale.ticks(), tuple(kind for kind in KINDS if kind in kinds))


# CSS class -> text of the legend.
KINDS = {
    "planned": "started by the optimal plan",
    "commit": "guess committed",
    "salvage-re-parent": "salvaged: re-parented",
    "salvage-keep": "salvaged: kept",
    "salvage-migrate": "salvaged: migrated",
    "flush": "flushed",
    "failed": "failed",
}


def kind_of(bar: TimelineBar) -> str:
    """The CSS class of an attempt: its verdict if it was speculative, otherwise ``planned``."""
    if bar.status == "failed":
        return "failed"
    if bar.verdict is not None and (bar.speculative or bar.verdict.value != "commit"):
        return bar.verdict.value.replace(":", "-")
    return "planned"


class _Scale:
    def __init__(self, seconds: float) -> None:
        self._seconds = max(seconds, 1e-3) * 1.01
        self._pixels = WIDTH - GUTTER - _RIGHT

    def x(self, at_s: float) -> float:
        return GUTTER + self._pixels * min(at_s, self._seconds) / self._seconds

    def ticks(self) -> tuple[Mark, ...]:
        """Eight to sixteen ticks at round seconds (1, 2 or 5 times a power of ten)."""
        rough = self._seconds / 8
        power = 10.0 ** math.floor(math.log10(rough))
        step = max(factor * power for factor in (1, 2, 5) if factor * power <= rough)
        count = int(self._seconds / step)
        return tuple(Mark(self.x(index * step), f"{index * step:g} s", "tick") for index in range(count + 1))


def _panel(run: Run, y: float, scale: _Scale) -> Panel:
    started = [bar for bar in run.timeline.bars if bar.started_s is not None]
    planned_s = run.timeline.optimal_plan_s
    lanes: list[Lane] = []
    below = y + _HEAD
    for node, agent in dict.fromkeys((bar.node, bar.agent) for bar in started):
        bars = [bar for bar in started if (bar.node, bar.agent) == (node, agent)]
        lanes.append(_lane(bars, below, run, scale))
        below += lanes[-1].height + _LANE_GAP
    return Panel(
        title=_TITLES.get(run.mode, run.mode.value),
        subtitle=_subtitle(run, withdrawn=len(run.timeline.bars) - len(started)),
        y=y,
        height=below - y + (0 if started else _ROW),
        lanes=tuple(lanes),
        marks=tuple(_marks(run, scale)),
        planned_x=scale.x(planned_s) if planned_s and run.mode is not Mode.ORACLE else None,
    )


def _subtitle(run: Run, withdrawn: int) -> str:
    parts = [f"{run.seconds:.2f} s"]
    if run.view.first_dispatch_s is not None:
        parts.append(f"first agent dispatched after {_duration(run.view.first_dispatch_s)}")
    if withdrawn:
        parts.append(f"{withdrawn} withdrawn before they started")
    return " · ".join(parts)


def _lane(bars: Sequence[TimelineBar], y: float, run: Run, scale: _Scale) -> Lane:
    rows: list[float] = []  # when each row is free again
    boxes: list[Box] = []
    for bar in sorted(bars, key=lambda bar: bar.started_s or 0.0):
        start_s, end_s = bar.started_s or 0.0, _end(bar, run)
        row = next((index for index, free_s in enumerate(rows) if free_s <= start_s + 1e-9), len(rows))
        rows[row : row + 1] = [end_s]
        boxes.append(_box(bar, y + row * _ROW, run, scale))
    return Lane(short(bars[0].node), bars[0].agent, y, max(1, len(rows)) * _ROW, tuple(boxes))


def _end(bar: TimelineBar, run: Run) -> float:
    return bar.ended_s if bar.ended_s is not None else run.seconds


def _box(bar: TimelineBar, y: float, run: Run, scale: _Scale) -> Box:
    start_s, end_s, planned_s = bar.started_s or 0.0, _end(bar, run), run.timeline.optimal_plan_s
    x = scale.x(start_s)
    width = max(1.5, scale.x(end_s) - x - 0.5)
    ahead = 0.0
    if bar.speculative:
        ahead = width if planned_s is None else min(width, max(0.0, scale.x(planned_s) - x))
    label = bar.step if len(bar.step) * _CHARACTER + 6 < width else ""
    return Box(x, y, width, ahead, kind_of(bar), label, _tip(bar, start_s, end_s))


def _tip(bar: TimelineBar, start_s: float, end_s: float) -> str:
    lines = [
        f"{bar.step}: {bar.agent} on {short(bar.node)}",
        f"{start_s:.2f} to {end_s:.2f} s ({_duration(end_s - start_s)}), dispatched at {bar.dispatched_s:.2f} s",
        ("started before the optimal plan arrived" if bar.speculative else "started by the optimal plan")
        + (f", verdict: {bar.verdict.value}" if bar.verdict else ""),
    ]
    return "\n".join([*lines, bar.title, bar.reason]).strip()


def _marks(run: Run, scale: _Scale) -> Iterable[Mark]:
    if run.timeline.optimal_plan_s is not None and run.mode is not Mode.ORACLE:
        at_s = run.timeline.optimal_plan_s
        yield _mark(scale.x(at_s), f"optimal plan, {_duration(at_s)}", "arrival")
    end_x = scale.x(run.seconds)
    yield Mark(end_x, "", "end", flip=True)


def _mark(x: float, label: str, kind: str) -> Mark:
    return Mark(x, label, kind, flip=x + len(label) * _CHARACTER + 8 > WIDTH)


def _duration(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 0.1 else f"{seconds:.2f} s"


def short(node: str) -> str:
    """A short name of a node: the first eight digits of a long hexadecimal id."""
    is_hexadecimal = len(node) > 16 and all(digit in "0123456789abcdef" for digit in node)
    return f"node {node[:8]}" if is_hexadecimal else node
