"""The report: one self-contained HTML file without scripts."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from examples.comparison.drawing import drawing
from examples.comparison.lanes import KINDS, Figure, figure
from examples.comparison.measures import Act, Figures, figures
from examples.comparison.table import Row, rows

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_SHORT = {"wait": "Wait", "forerun": "Forerun", "oracle": "Oracle"}


@dataclass(frozen=True)
class _Span:
    """One run in the overview, in percent of the longest run's time."""

    name: str
    mode: str
    seconds: float
    width: float
    planning: float


@dataclass(frozen=True)
class _Scene:
    """An act and everything drawn for it."""

    act: Act
    figures: Figures
    timeline: Figure
    spans: tuple[_Span, ...]
    ranking: tuple[dict[str, Any], ...]


def render(acts: Sequence[Act], when: datetime) -> str:
    """The report as HTML."""
    scenes = [_scene(act) for act in acts]
    table: list[Row] = rows(acts)
    return _ENVIRONMENT.get_template("page.html.j2").render(
        scenes=scenes, table=table, acts=acts, kinds=KINDS, when=f"{when:%Y-%m-%d %H:%M}", machine=machine()
    )


def machine() -> str:
    """A description of the machine and the versions."""
    return (
        f"{platform.machine()}, {cpu_count()} logical CPUs, {platform.system()}, "
        f"Python {platform.python_version()}, Ray {version('ray')}, Forerun {version('forerun')}"
    )


def _scene(act: Act) -> _Scene:
    return _Scene(act, figures(act), figure(act.runs), _spans(act), tuple(_cards(act)))


def _spans(act: Act) -> tuple[_Span, ...]:
    longest = max(run.seconds for run in act.runs)
    return tuple(
        _Span(
            name=_SHORT.get(run.mode.value, run.mode.value),
            mode=run.mode.value,
            seconds=run.seconds,
            width=100 * run.seconds / longest,
            planning=100 * min(1.0, (run.view.optimal_plan_s or 0.0) / run.seconds) if run is not act.oracle else 0.0,
        )
        for run in act.runs
    )


def _cards(act: Act) -> list[dict[str, Any]]:
    """The ranking with drawings; empty if the task ranks no molecules."""
    ranking: Any = (act.forerun.view.outputs or {}).get("ranking")
    if not isinstance(ranking, list) or not ranking:
        return []
    widest = max(entry["gap_ev"] for entry in ranking)
    return [
        {**entry, "drawing": drawing(entry["smiles"]), "width": 100 * entry["gap_ev"] / widest} for entry in ranking
    ]
