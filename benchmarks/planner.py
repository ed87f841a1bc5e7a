"""Compare CP-SAT with HEFT, CPOP and greedy on recorded workflows, and the speculative plan with CP-SAT's."""

import math
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import DirectoryPath, FilePath, PositiveFloat
from rich.progress import Progress

from benchmarks.datasets import Trace
from benchmarks.planner_cases import CLUSTERS, LIMITED, SCENARIOS, PlannerCase, cases, traces
from benchmarks.planner_referee import referee
from planners.plans import Plan
from planners.scheduling.cp_sat.solver import schedule
from planners.scheduling.kernel.compilation import LOADER
from planners.scheduling.kernel.compilation import loaded as compiled_kernel
from planners.scheduling.list_scheduling.list_schedule import best_list_schedule, list_schedule
from planners.scheduling.validate import violations

# The speculative plan is timed this often and the median taken; the optimal one once.
_REPEATS = 3
# Cases whose optimal plan takes this long count for ``speedup_slow``; faster ones need no speculation.
_SLOW_S = 0.5
# Workflows with more steps are solved by large neighbourhood search.
_LARGE = 300
TARGETS = {
    "never_worse": True,
    "limited.objective_ratio": 0.95,
    "speedup": 50.0,
    "makespan.placement_regret": 0.05,
    "limited.placement_regret": 0.10,
}


def run(
    data: DirectoryPath | None = None,
    workflows: Sequence[FilePath] = (),
    *,
    time_limit_s: PositiveFloat = 4.0,
    compiled: bool = True,
    report: Callable[[str], None] = lambda _line: None,
) -> dict[str, Any]:
    """Plan every workflow on clusters of 8 and 64 nodes, with and without limits; about five minutes on one idle core.

    Planning times are CPU seconds of one core (wall time on an idle one), so that their ratio does not depend on load.

    Args:
        data: the folder of the data sets; ``wf/core`` contains the default selection.
        workflows: traces to use instead, JSON or gzipped JSON lines.
        time_limit_s: the time limit of each optimal plan.
        compiled: plan with machine code where numba is installed, as a service does once it has compiled it.
        report: receives one line per case.

    Returns:
        ``summary``: geometric means of ``objective_ratio`` (optimal plan to the best of HEFT, CPOP and greedy),
        ``objective_over_lists`` (optimal plan to the best of all list schedules, including the speculative one),
        ``placement_regret`` (speculative plan to optimal plan, less 1) and ``speedup`` (each case's optimal planning
        time over its speculative one, so that all cases count equally); ``speedup_slow``, the same over the cases whose
        optimal planning took half a second or more, or None; medians of ``plan_s`` and ``speculative_plan_ms``. All
        figures are given by scenario, for all limited scenarios, for workflows of more than 300 steps (``large``) and
        for all cases. ``targets``: each target and the value reached. ``referee``: HEFT and CPOP compared with
        anrg-saga's. ``cases``: every row.

    Raises:
        UnusableFile: a trace cannot be read, or neither files nor a data folder were given.
    """
    has_kernel = compiled and _load_kernel()
    loaded = list(traces(data, workflows))
    rows = _measured_all(loaded, time_limit_s, report)
    summary = summarised(rows)
    return {
        "time_limit_s": time_limit_s,
        "compiled": has_kernel,
        "summary": summary,
        "targets": targets(rows, summary),
        "referee": referee(loaded),
        "cases": rows,
    }


def _measured_all(loaded: list[Trace], time_limit_s: float, report: Callable[[str], None]) -> list[dict[str, Any]]:
    rows = []
    with Progress(transient=True) as progress:
        bar = progress.add_task("planning", total=len(loaded) * len(CLUSTERS) * len(SCENARIOS))
        for trace in loaded:
            for case in cases(trace):
                progress.update(bar, description=f"{case.workflow} {case.nodes} {case.scenario}")
                rows.append(row := measured(case, time_limit_s))
                report(_line(row))
                progress.advance(bar)
    return rows


def _load_kernel() -> bool:
    """Whether the kernel of list scheduling is loaded now; compiling it takes half a minute."""
    if find_spec("numba") is None:
        return False
    with TemporaryDirectory() as folder:
        LOADER.kernel = compiled_kernel(Path(folder))
    return True


def measured(case: PlannerCase, time_limit_s: float) -> dict[str, Any]:
    """One row: both plans of a case, validated independently."""
    question = case.flat, case.request, case.costs
    guess, guess_s = _timed(lambda: list_schedule(*question), _REPEATS)
    baseline = best_list_schedule(*question)
    plan, plan_s = _timed(lambda: schedule(*question, time_limit_s=time_limit_s, hint=guess), 1)
    return {
        "workflow": case.workflow,
        "steps": len(case.flat.steps),
        "nodes": case.nodes,
        "scenario": case.scenario,
        "objective": plan.objective,
        "objective_ratio": _ratio(plan, baseline),
        "best_list_schedule": baseline.origin,
        "objective_over_lists": max(_ratio(plan, guess), _ratio(plan, baseline)),
        "gap": plan.gap,
        "plan_s": plan_s,
        "speculative_plan_ms": 1000 * guess_s,
        "placement_regret": _ratio(guess, plan) - 1,
        "same_placements": _same(guess, plan),
        "violations": violations(plan, *question) + violations(guess, *question),
    }


def summarised(rows: list[dict[str, Any]]) -> dict[str, dict[str, float | None]]:
    """Means over the rows of each scenario, of the limited scenarios, and of all rows."""
    groups = {scenario: [row for row in rows if row["scenario"] == scenario] for scenario in SCENARIOS}
    groups["limited"] = [row for row in rows if row["scenario"] in LIMITED]
    groups["large"] = [row for row in rows if row["steps"] > _LARGE]
    groups["every"] = rows
    return {name: _means(of) for name, of in groups.items() if of}


def targets(rows: list[dict[str, Any]], summary: dict[str, dict[str, float | None]]) -> dict[str, dict[str, Any]]:
    """Each target, the value reached, and whether it is met."""
    reached: dict[str, Any] = {
        "never_worse": all(row["objective_ratio"] <= 1 + 1e-9 for row in rows),
        "speedup": summary["every"]["speedup"],
        **{name: summary[name.split(".")[0]][name.split(".")[1]] for name in TARGETS if "." in name},
    }
    at_least = {"never_worse", "speedup"}
    return {
        name: {
            "target": target,
            "reached": reached[name],
            "met": reached[name] >= target if name in at_least else reached[name] <= target,
        }
        for name, target in TARGETS.items()
    }


def plot(result: dict[str, Any], path: Path) -> None:
    """Plot the ratio to the best list schedule, regret and planning times, one panel each, to ``path``."""
    import matplotlib as mpl  # noqa: PLC0415 an extra: only those who plot need it

    mpl.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415 see above

    rows = result["cases"]
    figure, (ratios, regrets, times) = plt.subplots(1, 3, figsize=(15, 4.5), layout="constrained")
    for panel, key, title in (
        (ratios, "objective_ratio", "CP-SAT / best of HEFT, CPOP, greedy"),
        (regrets, "placement_regret", "regret of the speculative plan"),
    ):
        panel.boxplot([[row[key] for row in rows if row["scenario"] == name] for name in SCENARIOS])
        panel.set_xticks(range(1, len(SCENARIOS) + 1), SCENARIOS, rotation=20)
        panel.set_title(title)
        panel.grid(axis="y", alpha=0.3)
    for key, factor, label in (("plan_s", 1.0, "optimal"), ("speculative_plan_ms", 0.001, "speculative")):
        times.scatter([row["steps"] for row in rows], [factor * row[key] for row in rows], s=14, label=label)
    times.set(xscale="log", yscale="log", xlabel="steps", ylabel="seconds", title="planning time")
    times.legend()
    times.grid(alpha=0.3)
    figure.savefig(path)
    plt.close(figure)


def _timed(make: Callable[[], Plan], repeats: int) -> tuple[Plan, float]:
    took = []
    for _ in range(repeats):
        begun = time.process_time()
        plan = make()
        took.append(time.process_time() - begun)
    return plan, statistics.median(took)


def _ratio(plan: Plan, other: Plan) -> float:
    assert plan.objective is not None
    assert other.objective is not None
    return plan.objective / other.objective if other.objective else 1.0


def _same(guess: Plan, plan: Plan) -> float:
    """The share of steps with the same work key: the same agent on the same inputs."""
    shared = Counter(step.work_key for step in guess.steps) & Counter(step.work_key for step in plan.steps)
    return shared.total() / len(plan.steps)


def _means(rows: list[dict[str, Any]]) -> dict[str, float | None]:
    slow = [row for row in rows if row["plan_s"] >= _SLOW_S]
    return {
        "cases": len(rows),
        "objective_ratio": _geometric(row["objective_ratio"] for row in rows),
        "objective_over_lists": _geometric(row["objective_over_lists"] for row in rows),
        "placement_regret": _geometric(1 + row["placement_regret"] for row in rows) - 1,
        "placement_regret_max": max(row["placement_regret"] for row in rows),
        "gap_p50": statistics.median(row["gap"] for row in rows),
        "plan_s_p50": statistics.median(row["plan_s"] for row in rows),
        "speculative_plan_ms_p50": statistics.median(row["speculative_plan_ms"] for row in rows),
        "speedup": _speedup(rows),
        "slow_cases": len(slow),
        "speedup_slow": _speedup(slow) if slow else None,
        "same_placements": statistics.fmean(row["same_placements"] for row in rows),
        "violations": sum(len(row["violations"]) for row in rows),
    }


def _speedup(rows: list[dict[str, Any]]) -> float:
    return _geometric(1000 * row["plan_s"] / row["speculative_plan_ms"] for row in rows)


def _geometric(values: Iterable[float]) -> float:
    logs = [math.log(value) for value in values]
    return math.exp(statistics.fmean(logs))


def _line(row: dict[str, Any]) -> str:
    return (
        f"{row['workflow']:40} {row['steps']:5} {row['nodes']:3} {row['scenario']:9}"
        f" ratio {row['objective_ratio']:.3f} gap {row['gap']:.3f} regret {row['placement_regret']:+.3f}"
        f" {row['plan_s']:6.2f} s {row['speculative_plan_ms']:7.1f} ms"
    )
