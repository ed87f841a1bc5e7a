"""The headline figures for the README, each with workload, baseline and command."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from benchmarks.markdown import milliseconds, number, seconds, share, table, times

Results = Mapping[str, Any]
Row = tuple[str, str, str]


def headline(results: Mapping[str, Results], machine: str) -> str:
    """A table of figures, workloads, baselines and commands; empty if nothing was measured."""
    rows = [
        [*row, f"`forerun bench {name}`"]
        for name, tell in _TELL.items()
        if name in results
        for row in tell(results[name])
    ]
    if not rows:
        return ""
    return f"{table(['measured', 'workload', 'baseline', 'command'], rows)}\n\nMeasured on: {machine}."


def _headstart(figures: Results) -> Iterator[Row]:
    first = f"first agent starts after **{milliseconds(figures['first_dispatch_ms_p50'])}** (median)"
    plan = f"waiting for the optimal plan: {milliseconds(figures['optimal_plan_ms_p50'])}"
    yield first, f"recurring goals with different values; {figures['planner']}", plan


def _speculation(figures: Results) -> Iterator[Row]:
    for name in ("warm", "half", "unseen", "mixed", "adversarial"):
        if (found := figures.get(name)) is None:
            continue
        faster = found["wait"]["t_s_mean"] / found["forerun"]["t_s_mean"]
        streamed = times(found["faster_than_streamed"])
        saved = f"**{share(found['share_of_attainable'])}** of what an oracle would save"
        told = f"**{times(faster)}** as fast as waiting, {streamed} as fast as streaming the plan; {saved}"
        baseline = f"wait for the optimal plan: {seconds(found['wait']['t_s_p50'])} (median)"
        workload = "warm requests that spend half of the wait on planning" if name == "half" else f"{name} requests"
        yield f"{told}, waste {share(found['waste'])}", f"{found['requests']} {workload}, simulated agents", baseline


def _fanout(figures: Results) -> Iterator[Row]:
    baseline = f"critical path {seconds(figures['critical_path_s'])}, serial {seconds(figures['serial_s'])}"
    over = share(figures["http_over_critical_path"])
    yield (
        f"**{seconds(figures['http_s'])}** over HTTP, {over} over the critical path",
        "8 agents of 0.3 s and a join",
        baseline,
    )


def _burst(figures: Results) -> Iterator[Row]:
    told = f"**{number(figures['tasks_per_s'])} tasks/s**, {number(figures['steps_per_s'])} steps/s"
    yield f"{told}, {figures['errors']} errors", f"{figures['tasks']} concurrent tasks of 5 trivial steps", "none"


def _similarity(figures: Results) -> Iterator[Row]:
    for name in ("ultratool", "given"):
        if name in figures:
            of = figures[name]["all"]
            guess_ms = milliseconds(of["predict_ms_p50"])
            told = f"similarity of the guess to the true plan **{number(of['similarity'])}**, in {guess_ms}"
            baseline = "nearest neighbour by TF-IDF: 0.59" if name == "ultratool" else "none"
            yield told, f"{of['tasks']} unseen requests of {name}, {of['outcomes']} learned from", baseline


def _planner(figures: Results) -> Iterator[Row]:
    limited, every = figures["summary"]["limited"], figures["summary"]["every"]
    told = f"objective **{number(limited['objective_ratio'])}** of the best list schedule's, in cases with limits"
    yield told, f"{every['cases']} cases from recorded workflows", "best of HEFT, CPOP and greedy: 1"


_TELL: dict[str, Callable[[Results], Iterator[Row]]] = {
    "headstart": _headstart,
    "speculation": _speculation,
    "similarity": _similarity,
    "planner": _planner,
    "fanout": _fanout,
    "burst": _burst,
}
