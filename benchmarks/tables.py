"""Write the tables of the READMEs from the JSON files of `forerun bench`: `python -m benchmarks.tables FOLDER`.

A table goes between ``<!-- NAME -->`` and ``<!-- /NAME -->``, where NAME is a benchmark or ``results`` (the headline
figures). Without a JSON file the table stays as it is; a table that was never measured says so.
"""

import argparse
import json
import os
import platform
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import BENCHMARKS
from benchmarks.federated_table import federated_table
from benchmarks.guess_tables import similarity_table
from benchmarks.headline import headline
from benchmarks.load_tables import callbacks_table, many_table, peers_table, rate_table
from benchmarks.markdown import milliseconds, number, seconds, share, table, times
from benchmarks.route_tables import routes_table, textbook_table
from benchmarks.service_tables import startup_table, sync_table

Results = Mapping[str, Any]
HEADLINE = "results"
UNMEASURED = "Not measured yet."
PAGES = (Path("benchmarks/README.md"), Path("README.md"))


def filled(text: str, results: Mapping[str, Results], machine: str) -> str:
    """Replace each table that there are results for, and mark empty ones as not measured.

    Args:
        text: Markdown with markers.
        results: the content of each benchmark's JSON file, by name.
        machine: a description of the machine they were measured on.

    Raises:
        ValueError: a marker is not closed.
    """
    for name, make in _TABLES.items():
        text = _between(text, name, make(results[name]) if name in results else "")
    return _between(text, HEADLINE, headline(results, machine))


def read(folder: Path) -> dict[str, Results]:
    """The results in a folder, by benchmark."""
    found = {name: folder / f"{name}.json" for name in BENCHMARKS}
    return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in found.items() if path.is_file()}


def this_machine() -> str:
    """A description of this machine."""
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores ({platform.machine()}), {gib:.0f} GiB"


def main(argv: Sequence[str] | None = None) -> int:
    """Rewrite the tables; return 2 if the folder contains no results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tables", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder with the JSON files of forerun bench")
    about = "description of the machine they were measured on; default: this machine"
    parser.add_argument("--machine", default=this_machine(), help=about)
    parser.add_argument(
        "--page", type=Path, action="append", help=f"files to rewrite; default: {', '.join(map(str, PAGES))}"
    )
    options = parser.parse_args(argv)
    results = read(options.folder)
    if not results:
        print(f"{options.folder} contains no results; run forerun bench NAME --to {options.folder}", file=sys.stderr)
        return 2
    for page in options.page or PAGES:
        page.write_text(filled(page.read_text(encoding="utf-8"), results, options.machine), encoding="utf-8")
    print(f"rewrote the tables of {', '.join(results)}")
    return 0


def _between(text: str, name: str, made: str) -> str:
    """The text with the new table, or with its old content if there is none."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if (start in text) != (end in text):
        raise ValueError(f"the marker '{name}' is opened or closed, but not both")
    pattern = re.compile(f"{re.escape(start)}(.*?){re.escape(end)}", re.DOTALL)
    return pattern.sub(lambda found: f"{start}\n\n{made or found[1].strip() or UNMEASURED}\n\n{end}", text)


def _headstart(figures: Results) -> str:
    rows = [
        [
            what,
            str(figures["submissions"]),
            milliseconds(of["first_dispatch_ms_p50"]),
            milliseconds(of["first_dispatch_ms_p95"]),
            milliseconds(of["optimal_plan_ms_p50"]),
        ]
        for what, of in (("goal, decomposed by an LLM", figures), ("declared workflow", figures["declared"]))
    ]
    columns = ["task", "submissions", "first dispatch, median", "95th percentile", "optimal plan, median"]
    return f"{table(columns, rows)}\n\nPlanner: {figures['planner']}."


def _fanout(figures: Results) -> str:
    rows = [
        [
            seconds(figures["serial_s"]),
            seconds(figures["critical_path_s"]),
            f"{seconds(figures['run_s'])} (+{share(figures['run_over_critical_path'])})",
            f"{seconds(figures['http_s'])} (+{share(figures['http_over_critical_path'])})",
            times(figures["speedup"]),
            str(figures["runs"]),
        ]
    ]
    return table(["serial", "critical path", "run", "as the HTTP client sees it", "speedup", "runs"], rows)


def _burst(figures: Results) -> str:
    before, after = figures["before"], figures["after"]
    rows = [
        ["tasks", str(figures["tasks"])],
        *([name, str(figures[name])] for name in ("ingress", "shards") if name in figures),
        ["errors", str(figures["errors"])],
        ["tasks per second", number(figures["tasks_per_s"])],
        ["steps per second", number(figures["steps_per_s"])],
        *([f"CPU-ms a task, {name}", number(used)] for name, used in figures.get("cpu_ms_per_task", {}).items()),
        ["growth of the reconciler's memory", share(figures["memory_growth"])],
        ["worker processes before, after", f"{before['processes']}, {after['processes']}"],
        ["bytes in the object store before, after", f"{before['object_store_bytes']}, {after['object_store_bytes']}"],
    ]
    return table(["", "measured"], rows)


_MODES = ("wait", "streamed", "plan_cache", "list_schedule", "forerun", "oracle")


def _speculation(figures: Results) -> str:
    workloads = _workloads(figures)
    rows = [
        [name, mode, seconds(of["t_s_p50"]), seconds(of["t_s_p95"]), _share_of(of)]
        for name, found in workloads.items()
        for mode in _MODES
        if (of := found.get(mode)) is not None
    ]
    by_mode = table(["workload", "mode", "T, median", "T, 95th percentile", "share (95 % interval)"], rows)
    head = ["workload", "requests", "planning share", "share of attainable", "waste (s)", "waste ($)"]
    rates = ["commit", "salvage", "flush"]
    whole = [
        [name, str(found["requests"]), *_of_workload(found), *(share(found["rates"][rate]) for rate in rates)]
        for name, found in workloads.items()
    ]
    setting = f"{figures['planner']}; all durations scaled by {figures['scale']:g}."
    by_workload = table([*head, "slower than wait", "faster than streamed", *rates], whole)
    return "\n\n".join(filter(None, [by_workload, by_mode, _halves(workloads), setting]))


def _halves(workloads: Mapping[str, Results]) -> str:
    """The speedup on requests that spend at least half of the wait on planning, if there are any."""
    halves = {name: found.get("where_planning_is_half", {"requests": 0}) for name, found in workloads.items()}
    told = [
        f"{name} {times(of['faster_than_streamed'])} ({of['requests']})"
        for name, of in halves.items()
        if of["requests"]
    ]
    if not told:
        return ""
    what = "Faster than streamed on requests that spend at least half of the wait on planning (number of requests)"
    return f"{what}: {', '.join(told)}."


def _workloads(figures: Results) -> dict[str, Any]:
    return {name: found for name, found in figures.items() if isinstance(found, dict) and "rates" in found}


def _share_of(of: Results) -> str:
    if "share_of_attainable" not in of:
        return ""
    interval = of.get("share_interval")
    told = "" if interval is None else f" ({100 * interval[0]:.0f} to {100 * interval[1]:.0f} %)"
    return share(of["share_of_attainable"]) + told


def _of_workload(found: Results) -> list[str]:
    shares = ("planning_share", "share_of_attainable", "waste", "waste_usd", "slower_than_wait")
    return [*(share(found[key]) for key in shares), times(found["faster_than_streamed"])]


def _drift(figures: Results) -> str:
    phases = {"before the switch": "before", "just after": "just_after", "at the end": "at_the_end"}
    keys = ("similarity", "share_of_attainable", "waste", "dispatched", "throttle")
    rows = [[words, *(number(figures[phase][key]) for key in keys)] for words, phase in phases.items()]
    recovered, stayed = figures["outcomes_to_recover"], figures["outcomes_to_stay"]
    return (
        f"{table(['phase', 'similarity', 'share of attainable', 'waste', 'dispatched', 'throttle'], rows)}\n\n"
        f"Back within 0.05 of the steady similarity ({number(figures['steady_similarity'])}) after "
        f"{_count(recovered)}, for good after {_count(stayed)}; alarms: {figures['alarms']}.{_over_seeds(figures)}"
    )


def _over_seeds(figures: Results) -> str:
    if "over_seeds" not in figures:
        return ""
    back, for_good = (figures["over_seeds"][name] for name in ("outcomes_to_recover", "outcomes_to_stay"))
    each = ", ".join(map(_or_never, back["each"]))
    told = f"median {_or_never(back['median'])}, worst {_or_never(back['worst'])}"
    return (
        f" Over {len(back['each'])} seeds: {each}; {told}; for good: median {_or_never(for_good['median'])}, "
        f"worst {_or_never(for_good['worst'])}."
    )


def _or_never(count: int | None) -> str:
    return "never" if count is None else str(count)


def _count(outcomes: int | None) -> str:
    return "more outcomes than were measured" if outcomes is None else f"{outcomes} outcomes"


def _planner(figures: Results) -> str:
    rows = [
        [
            scenario,
            str(of["cases"]),
            number(of["objective_ratio"]),
            share(of["placement_regret"]),
            share(of["gap_p50"]),
            seconds(of["plan_s_p50"]),
            milliseconds(of["speculative_plan_ms_p50"]),
            times(of["speedup"]),
            times(of["speedup_slow"]) if of.get("speedup_slow") else "",
            str(of["violations"]),
        ]
        for scenario, of in figures["summary"].items()
    ]
    columns = ["scenario", "cases", "CP-SAT / best list schedule", "regret of the guess", "gap, median"]
    timed = ["optimal, median", "speculative, median", "speedup", "where optimal takes 0.5 s", "violations"]
    wanted = [
        [name, str(of["target"]), _reached(of["reached"]), "yes" if of["met"] else "no"]
        for name, of in figures["targets"].items()
    ]
    return f"{table([*columns, *timed], rows)}\n\n{table(['target', 'wanted', 'reached', 'met'], wanted)}"


def _reached(value: Any) -> str:
    return str(value) if isinstance(value, bool) else number(value)


def _learning(figures: Results) -> str:
    keys = ("similarity", "share_of_attainable", "waste", "dispatched")
    rows = [[str(window["outcomes"]), *(number(window[key]) for key in keys)] for window in figures["windows"]]
    regret = ", ".join(f"{name} {number(usd)}" for name, usd in figures["regret_usd"].items())
    return (
        f"{table(['plans learned from', 'similarity', 'share of attainable', 'waste', 'dispatched'], rows)}\n\n"
        f"Over {figures['verdicts']} verdicts: ECE {_maybe(figures['ece'])}, Brier {_maybe(figures['brier'])}; "
        f"regret in dollars against {regret}."
    )


def _maybe(value: float | None) -> str:
    return "unknown" if value is None else number(value)


def _kernel(figures: Results) -> str:
    sizes = [f"{size} steps" for size in figures["sizes"]]
    rows = [
        [name, *(f"{cost:.0f} us" for cost in costs), *(f"{cost:.0f} us" for cost in figures["plan_us_per_step"][name])]
        for name, costs in figures["us_per_event"].items()
    ]
    return table(["shape", *(f"event, {size}" for size in sizes), *(f"plan / step, {size}" for size in sizes)], rows)


def _logs(figures: Results) -> str:
    rows = [
        [
            name,
            str(of["tasks"]),
            *(f"{of['cpu_ms_per_task'][key]} ms" for key in ("without", "with capture")),
            f"{100 * of['overhead']:.1f} %",
        ]
        for name, of in figures["workloads"].items()
    ]
    return table(["agents", "tasks", "CPU a task, without", "CPU a task, with capture", "overhead"], rows)


_TABLES: dict[str, Callable[[Results], str]] = {
    "headstart": _headstart,
    "fanout": _fanout,
    "federated": federated_table,
    "burst": _burst,
    "speculation": _speculation,
    "similarity": similarity_table,
    "drift": _drift,
    "planner": _planner,
    "learning": _learning,
    "kernel": _kernel,
    "callbacks": callbacks_table,
    "logs": _logs,
    "routes": routes_table,
    "textbook": textbook_table,
    "many": many_table,
    "peers": peers_table,
    "rate": rate_table,
    "startup": startup_table,
    "sync": sync_table,
}


if __name__ == "__main__":
    sys.exit(main())
