"""The tables of the benchmarks of routes and of the patterns of textbooks."""

from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import seconds, share, table


def routes_table(figures: Mapping[str, Any]) -> str:
    """A row per probability of the usual branch."""
    rows = [
        [
            f"{100 * float(name):g} %",
            *(seconds(of[key]) for key in ("wait_s", "forerun_s", "oracle_s")),
            *(share(of[key]) for key in ("share_of_attainable", "waste", "tasks_with_guesses")),
        ]
        for name, of in figures.items()
    ]
    head = ["usual branch", "without guesses", "forerun", "branch known", "share of attainable", "waste"]
    return table([*head, "tasks with guesses"], rows)


def textbook_table(figures: Mapping[str, Any]) -> str:
    """A row per pattern."""
    rows = [
        [
            name,
            seconds(of["seconds"]),
            share(of["share_of_critical_path"]),
            f"${of['usd']:.4f}",
            f"${of['wasted_usd']:.4f}",
            str(of["lost_results"]),
        ]
        for name, of in figures.items()
    ]
    return table(["pattern", "seconds", "share of critical path", "dollars", "of that flushed", "results lost"], rows)
