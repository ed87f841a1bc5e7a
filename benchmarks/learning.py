"""`forerun bench learning`: similarity, share of attainable and waste from a cold start, as outcomes arrive.

Each UltraTool request arrives once, in virtual time, and is guessed before its plan is learned from, so all figures are
for unseen plans. The plan predictor is retrained whenever the learner says it is due.
"""

import time
from pathlib import Path
from typing import Any

from pydantic import DirectoryPath, PositiveFloat, PositiveInt
from threadpoolctl import threadpool_limits

from benchmarks.progress import tracked
from benchmarks.virtual import Lived, World, latencies, summary, ultratool
from learner.learner import Learner


def run(
    data: DirectoryPath,
    *,
    tasks: PositiveInt = 1_000,
    window: PositiveInt = 100,
    growth: PositiveFloat = 0.4,
    seed: int = 0,
) -> dict[str, Any]:
    """Figures per window of tasks.

    ``growth`` is the share of new plans that triggers a refit: training dominates the cost of this benchmark. As in a
    service, linear algebra has one thread: sums in another order give other models.
    """
    with threadpool_limits(limits=1):
        return _figures(data, tasks, window, growth, seed)


def _figures(data: Path, tasks: int, window: int, growth: float, seed: int) -> dict[str, Any]:
    examples, tools = ultratool(data)
    world = World(tools, latencies(data), Learner(tools=tools), seed)
    lived: list[Lived] = []
    trained_s, learned = 0.0, 0
    for _, example in tracked(examples[:tasks], "tasks"):
        if world.learner.plans_due and len(lived) >= (1 + growth) * learned:
            started_s = time.perf_counter()
            trained = world.learner.begin_plan_training()()
            world.learner.adopt_plans(trained)
            world.predictor, learned = world.learner.predictor, len(lived)
            trained_s += time.perf_counter() - started_s
        if world.learner.due:
            world.learner.adopt(world.learner.begin_training()())
        lived.append(world.live(example))
    view = world.learner.ledger(0).total
    return {
        "windows": [
            {"outcomes": start, **summary(lived[start : start + window])} for start in range(0, len(lived), window)
        ],
        "total": summary(lived),
        "verdicts": view.decisions,
        "ece": view.calibration.ece,
        "brier": view.calibration.brier,
        "regret_usd": view.regret_usd,
        "train_s": trained_s,
    }


def plot(result: dict[str, Any], path: Path) -> None:
    """Plot the three figures against the number of plans learned from."""
    import matplotlib as mpl  # noqa: PLC0415 - an extra

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - an extra

    figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
    outcomes = [window["outcomes"] for window in result["windows"]]
    for name, style in (("similarity", "-"), ("share_of_attainable", "--"), ("waste", ":")):
        axes.plot(outcomes, [window[name] for window in result["windows"]], style, marker="o", label=name)
    axes.set(xlabel="plans learned from at the start of the window", ylim=(0, 1))
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)
