"""The table of figures, for the terminal and the report: one row per figure, one column per act."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.table import Table

from examples.comparison.measures import Act, Figures, figures


@dataclass(frozen=True)
class Row:
    """A figure: its name, its meaning, and its value in each act."""

    name: str
    meaning: str
    values: tuple[str, ...]
    weighty: bool = False


def rows(acts: Sequence[Act]) -> list[Row]:
    """The rows of the table."""
    told = [figures(act) for act in acts]
    return [Row(name, meaning, tuple(map(tell, told)), weighty) for name, meaning, tell, weighty in _ROWS]


def table(acts: Sequence[Act]) -> Table:
    """The table for the terminal."""
    made = Table(title="The same task in three modes: wait, forerun and oracle", title_justify="left")
    made.add_column("")
    for act in acts:
        made.add_column(act.title, justify="right")
    for row in rows(acts):
        made.add_row(row.name, *row.values, style="bold" if row.weighty else None)
    return made


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


def _share(value: float | None, nothing: str = "-") -> str:
    return nothing if value is None else f"{100 * value:.1f} %"


def _same(told: Figures) -> str:
    if not told.results_compared:
        return "no common steps"
    if told.results_identical == told.results_compared:
        return f"yes, all {told.results_compared}"
    return f"NO: {told.results_compared - told.results_identical} of {told.results_compared} differ"


_ROWS: tuple[tuple[str, str, Callable[[Figures], str], bool], ...] = (
    ("planning", "until the optimal plan was complete, mode wait", lambda f: _seconds(f.planning_s), False),
    ("planning's share of the run", "of T_wait", lambda f: _share(f.planning_share), False),
    ("T_wait", "agents wait for the optimal plan", lambda f: _seconds(f.t_wait_s), True),
    ("T_spec", "Forerun: agents start ahead of it", lambda f: _seconds(f.t_spec_s), True),
    ("T_oracle", "the optimal plan known at time zero", lambda f: _seconds(f.t_oracle_s), True),
    (
        "first dispatch",
        "of the forerun run, after admission",
        lambda f: "-" if f.first_dispatch_ms is None else f"{f.first_dispatch_ms:.0f} ms",
        False,
    ),
    (
        "share of attainable",
        "(T_wait - T_spec) / (T_wait - T_oracle)",
        lambda f: _share(f.share_of_attainable, "within the noise"),
        True,
    ),
    ("waste", "agent-seconds of flushed attempts / all", lambda f: _share(f.waste), False),
    (
        "similarity of the plans",
        "of speculative and optimal plan: mean of step F1 and edge F1",
        lambda f: "-" if f.similarity is None else f"{f.similarity:.2f}",
        False,
    ),
    ("same results", "identical to the last digit wherever both plans chose the same agents", _same, True),
)
