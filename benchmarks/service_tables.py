"""The tables of what a service needs to start, and of its sync agents."""

from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import milliseconds, number, seconds, table, times


def startup_table(figures: Mapping[str, Any]) -> str:
    """A row for each variant."""
    names = {"direct": "Forerun, direct", "serve": "Forerun, through Serve", "bare": "a bare Serve application"}
    rows = [[told, seconds(figures["ready_s"][name]), seconds(figures["cpu_s"][name])] for name, told in names.items()]
    over = f"Through Serve, Forerun takes {times(figures['over_bare'])} as long as the bare application."
    return (
        f"{table(['service', 'ready after', 'CPU until then'], rows)}\n\n{over} Medians of {figures['rounds']} rounds."
    )


def sync_table(figures: Mapping[str, Any]) -> str:
    """A row for each shape, and how soon attempts are killed."""
    rows = []
    for shape in ("fan", "chain"):
        of = figures[shape]
        cells = [
            cell
            for kind in ("ms", "cpu_ms")
            for cell in (
                *(f"{number(of[kind][name])} ms" for name in ("forerun", "bare")),
                times(of["over_bare"][kind]),
            )
        ]
        rows.append([f"{shape} of {of['steps']}", *cells])
    columns = ["shape", "a step, Forerun", "Ray", "ratio", "CPU a step, Forerun", "Ray", "ratio"]
    killed = figures["killed_ms"]
    p50, most = milliseconds(killed["p50"]), milliseconds(killed["most"])
    told = f"Attempts were killed {p50} (median) and {most} (most) after the request."
    return f"{table(columns, rows)}\n\n{told}"
