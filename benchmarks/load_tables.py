"""The tables of the benchmarks that load a service: peers, many and rate."""

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.markdown import milliseconds, number, seconds, table

Results = Mapping[str, Any]


def peers_table(figures: Results) -> str:
    """One row for each peer, and which were left out."""
    rows = [
        [
            peer["title"],
            "yes" if peer["durable"] else "no",
            _peer_cell(peer["chains"], lambda cell: number(cell["tasks_per_s"])),
            _peer_cell(peer["chains"], lambda cell: number(cell["steps_per_s"])),
            _peer_cell(peer["chains"], lambda cell: number(cell["cpu_ms_per_task"])),
            _peer_cell(peer["fan"], lambda cell: number(cell["steps_per_s"])),
            _peer_cell(peer["fan"], lambda cell: number(cell["cpu_ms_per_step"])),
            _peer_cell(peer["naps"], lambda cell: seconds(cell["seconds"])),
        ]
        for peer in figures["peers"].values()
    ]
    columns = ["peer", "durable", "chains: tasks/s", "steps/s", "CPU-ms a task"]
    columns += [f"fan of {figures['fan']}: steps/s", "CPU-ms a step", f"{figures['naps']} agents of 1 s"]
    parts = [table(columns, rows), f"{figures['tasks']} chains of five steps; medians of {figures['rounds']} rounds."]
    if figures["left_out"]:
        parts.append("Left out, because packages are missing: " + _left_out(figures["left_out"]) + ".")
    return "\n\n".join(parts)


def _peer_cell(cell: Results, figure: Callable[[Results], str]) -> str:
    if "seconds" in cell:
        return figure(cell)
    return f"over {cell['over_limit_s']:g} s" if "over_limit_s" in cell else "failed"


def _left_out(missing: Mapping[str, list[str]]) -> str:
    return ", ".join(f"{name} ({', '.join(packages)})" for name, packages in missing.items())


def many_table(figures: Results) -> str:
    """What the client sees, and the memory of attempts that wait."""
    ten = figures["ten_tasks"]
    rows = [
        ["chain of five, idle service", f"{number(figures['short_chain_ms'])} ms"],
        ["chain of 100, a step", f"{number(figures['chain_ms_per_step'])} ms"],
        ["fan of 1,000 trivial agents, a step", f"{number(figures['fan_ms_per_step'])} ms"],
        *([f"{each['agents']} agents of 1 s in one task", seconds(each["seconds"])] for each in figures["naps"]),
        [f"{ten['agents']} agents of 1 s in ten tasks", seconds(ten["seconds"])],
        *(
            [f"memory of an attempt that waits, {name}", f"{number(size / 1000)} kB"]
            for name, size in figures["bytes_per_attempt"].items()
        ),
    ]
    return table(["", "measured"], rows)


def rate_table(figures: Results) -> str:
    """One row for each load."""
    rows = []
    for level in ({"load": None, **figures["idle"]}, *figures["levels"]):
        told = "one at a time" if level["load"] is None else f"{100 * level['load']:.0f} %"
        offered = "" if level["load"] is None else number(level["offered_per_s"])
        cells = [_quantiles(level.get(kind)) for kind in ("admission_ms", "first_dispatch_ms", "completion_ms")]
        rows.append([told, offered, str(level["tasks"]), *cells])
    columns = ["load", "tasks/s", "tasks", "admission p50 / p95 / p99", "first dispatch", "completion"]
    ingress = f"{figures['ingress']}{_of_shards(figures)}"
    capacity = f"Capacity: {number(figures['capacity_tasks_per_s'])} tasks/s. Ingress: {ingress}."
    return f"{table(columns, rows)}\n\n{capacity} Tasks that failed: {figures['failed']}."


def _of_shards(figures: Results) -> str:
    """How many shards there were, unless it was one."""
    return f", {figures['shards']} shards" if figures.get("shards", 1) > 1 else ""


def _quantiles(of: Mapping[str, float] | None) -> str:
    return "" if of is None else " / ".join(milliseconds(of[name]) for name in ("p50", "p95", "p99"))


def callbacks_table(figures: Mapping[str, Any]) -> str:
    """A row per part: what callbacks of the event loop took, and the median of the requests."""
    rows = [
        [
            name,
            str(of["callbacks"]),
            f"{of['p999_ms']} ms",
            f"{of['longest'][0].partition(' ')[0]} ms",
            f"{of['latency_ms'][0]} ms",
        ]
        for name, of in figures.items()
    ]
    return table(["part", "callbacks", "p99.9", "longest", "request, median"], rows)
