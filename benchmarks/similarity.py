"""`forerun bench similarity`: the similarity of guessed and true plans, cold and as outcomes arrive.

Step F1 and edge F1 are means over tasks of the F1 of multisets of tool names and of ordered pairs of them; an empty
guess scores zero. Training and test sets are the given files, or are separated by a hash of the record's id.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import DirectoryPath, FilePath
from threadpoolctl import threadpool_limits

from benchmarks.datasets import PlanRecord, UnusableFile, lines
from benchmarks.guess_figures import GuessFigures
from benchmarks.guessers import guesser_figures, simple_guessers
from benchmarks.plan_repeats import TESTS_A_REQUEST
from benchmarks.plan_sets import REPEATS, PlanSet, catalog_of, recorded, repeating, shuffled, split
from benchmarks.progress import tracked
from learner.predictor import TrainedPlanPredictor

STAGES = (0, 100, 500, None)  # outcomes learned from; None: all
REPEAT_STAGES = (1, 5, 20)  # times that each request came before
PlanSetName = Literal[
    "ultratool",
    "nestful",
    "tmdb",
    "worfbench",
    "taskbench_huggingface",
    "taskbench_multimedia",
    "taskbench_dailylifeapis",
    "llms_taskbench_huggingface",
    "llms_taskbench_multimedia",
    "repeats_noise",
    "repeats_taskbench_huggingface",
    "repeats_taskbench_multimedia",
]
SETS: tuple[PlanSetName, ...] = get_args(PlanSetName)


def run(  # noqa: PLR0913 - the options of the command
    train: FilePath | None = None,
    test: FilePath | None = None,
    catalog: FilePath | None = None,
    *,
    data: DirectoryPath | None = None,
    seed: int = 0,
    sets: Sequence[PlanSetName] = SETS,
) -> dict[str, Any]:
    """Figures per plan set and stage.

    With ``train`` (and ``test`` and ``catalog``), one set named "given"; otherwise the ``sets`` in ``data``. Without
    ``test``, a fifth of the records is held out by a hash of their id; of a set below 300 records each fifth in turn.
    TaskBench has few gold plans: they are the test set, and the training set are plans that two LLMs wrote for other
    requests. In the sets ``llms_...`` plans of the same LLMs are the test set, too. In the sets ``repeats_...``,
    requests repeat and the planner is inconsistent.
    """
    # One core, as documented; BLAS would use all cores and wait where they are busy.
    with threadpool_limits(limits=1):
        if train is not None:
            return {"given": _stages(_given(train, test, catalog, seed), seed)}
        if data is None:
            raise UnusableFile("no plans to learn from", "", "give --train, or --data (FORERUN_DATA)")
        figures = {name: _set(data, name, seed) for name in tracked(sets, "plan sets")}
        return {name: stages for name, stages in figures.items() if stages}


def plot(figures: dict[str, Any], path: Path) -> None:
    """Plot similarity against outcomes learned from, one line per plan set, with reference values of other methods."""
    import matplotlib as mpl  # noqa: PLC0415 - an extra

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - an extra

    figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
    for name, stages in figures.items():
        points = [(stage["outcomes"], stage["similarity"]) for stage in stages.values()]
        axes.plot(*zip(*points, strict=True), marker="o", label=name)
    axes.axhline(0.59, color="grey", linestyle=":", label="nearest neighbour (UltraTool)")
    axes.axhline(0.70, color="grey", linestyle="--", label="ranked templates and beams (UltraTool)")
    axes.set(xscale="symlog", xlabel="outcomes learned from", ylabel="similarity on unseen requests", ylim=(0, 1))
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _given(train: Path, test: Path | None, catalog: Path | None, seed: int) -> list[PlanSet]:
    records, tools = lines(train, PlanRecord), catalog_of(catalog) if catalog else []
    if test is None:
        return split(records, tools, seed)
    learned, tested = ([record.example() for record in of] for of in (records, lines(test, PlanRecord)))
    return [PlanSet(shuffled(learned, seed), tested, tools, {})]


def _set(data: Path, name: str, seed: int) -> dict[str, Any]:
    return _repeat_stages(data, name, seed) if name.startswith(REPEATS) else _stages(recorded(data, name, seed), seed)


def _stages(parts: Sequence[PlanSet], seed: int) -> dict[str, Any]:
    """By number of outcomes. The parts of a small set are learned from and tested on one after the other."""
    out = {}
    for stage in STAGES if parts else ():
        learned = min(len(part.learned) for part in parts)
        if stage != 0 and (stage or 1) > learned:
            continue
        name = {0: "cold", None: "all"}.get(stage, f"after_{stage}")
        out[name] = _figures(parts, stage, seed)
    return out


def _repeat_stages(data: Path, name: str, seed: int) -> dict[str, Any]:
    """By how often each request came before; tested on further draws of the same requests."""
    found = repeating(data, name, seed)
    if found is None:
        return {}
    planner, catalog = found
    tested = planner.draw(TESTS_A_REQUEST, seed + 1)
    notes = {"self_consistency": planner.self_consistency}
    return {
        f"repeats_{repeats}": _figures([PlanSet(planner.draw(repeats, seed + 2), tested, catalog, notes)], None, seed)
        for repeats in REPEAT_STAGES
    }


def _figures(parts: Sequence[PlanSet], stage: int | None, seed: int) -> dict[str, Any]:
    collected, fit_s, simple = GuessFigures(), 0.0, dict[str, list[dict[str, float]]]()
    cold = GuessFigures()
    for part in parts:
        used = part.learned[:stage]
        started_s = time.process_time()
        predictor = TrainedPlanPredictor.fit(used, part.catalog, seed=seed)
        fit_s += time.process_time() - started_s
        collected.collect(predictor, part.tested)
        cold.collect(TrainedPlanPredictor.cold(part.catalog), part.tested)
        for name, guesser in simple_guessers(used).items() if used else ():
            simple.setdefault(name, []).append(guesser_figures(guesser, part.tested))
    return {
        "outcomes": max(len(part.learned[:stage]) for part in parts),
        "tasks": sum(len(part.tested) for part in parts),
        "fit_s": round(fit_s / len(parts), 2),
        **collected.whole(),
        **collected.over(cold),
        "given": collected.rest(),
        "simple": {name: _weighted(found, parts) for name, found in simple.items()},
        **parts[0].notes,
    }


def _weighted(figures: Sequence[dict[str, float]], parts: Sequence[PlanSet]) -> dict[str, float]:
    """Mean over the parts, by the number of their tests."""
    tests = [len(part.tested) for part in parts]
    return {
        key: sum(of[key] * count for of, count in zip(figures, tests, strict=True)) / max(1, sum(tests))
        for key in figures[0]
    }
