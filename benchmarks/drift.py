"""`forerun bench drift`: the workload switches domain midway; how soon guesses are as good as ever, and what it costs.

The domains of UltraTool's tools are dealt into two worlds of about equal size. The steady similarity is what a learner
reaches that has learned as many plans of the second world, and of nothing else, as this one had of the first when the
workload switched. Similarity is measured on requests held out of the second world; waste and share on the stream.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.virtual import Lived, World, latencies, summary, ultratool
from learner.learning import Learner
from learner.plans import mean_similarity
from learner.predictor import PlanExample, PlanPredictor

_REFITS = (20, 40, 60, 80, 110, 140, 170, 200, 250)
_TOLERANCE = 0.05


def run(data: Path, *, before: int = 250, after: int = 300, held_out: int = 200, seed: int = 0) -> dict[str, Any]:
    """Figures before the switch, after it, and when the learner was back.

    ``outcomes_to_recover``: plans of the new domain learned from until similarity is within 0.05 of the steady one for
    the first time, ``outcomes_to_stay``: until it is so for good; None if it was not reached.
    """
    first, second, tools = _worlds(data)
    test, second = second[:held_out], second[held_out:]
    learner = Learner(tools=tools)
    world = World(tools, latencies(data), learner, seed)
    lived = _warm_up(world, first[:before])
    steady = mean_similarity(PlanPredictor.fit(second[:before], tools, seed=seed), test)
    curve = [{"outcomes": 0, "similarity": mean_similarity(_current(world), test)}]
    for number, example in enumerate(second[:after], start=1):
        lived.append(world.live(example))
        if number in _REFITS or number == after:
            world.predictor = PlanPredictor.fit([*first[:before], *second[:number]], tools, seed=seed)
            curve.append({"outcomes": number, "similarity": mean_similarity(world.predictor, test)})
    good = [point["similarity"] >= steady - _TOLERANCE for point in curve]
    windows = [{"tasks_since_switch": at - before, **summary(lived[at : at + 25])} for at in range(0, len(lived), 25)]
    return {
        "outcomes_to_recover": next((p["outcomes"] for p, ok in zip(curve, good, strict=True) if ok), None),
        "outcomes_to_stay": next((p["outcomes"] for at, p in enumerate(curve) if all(good[at:])), None),
        "steady_similarity": steady,
        "similarity_after_switch": curve,
        "before": summary(lived[before // 2 : before]),
        "just_after": summary(lived[before : before + 25]),
        "at_the_end": summary(lived[-100:]),
        "alarms": learner.status().kinds["requests"].alarms,
        "waste_over_time": windows,
    }


def _worlds(data: Path) -> tuple[list[PlanExample], list[PlanExample], Sequence[Any]]:
    """Domains by size, dealt alternately: (plans of the one world, plans of the other, catalog)."""
    examples, tools = ultratool(data)
    order = [domain for domain, _ in Counter(domain for domain, _ in examples).most_common()]
    left = set(order[0::2])
    return [e for d, e in examples if d in left], [e for d, e in examples if d not in left], tools


def _warm_up(world: World, examples: Sequence[PlanExample]) -> list[Lived]:
    """The first world: half of it unseen by a cold predictor, the other half after its first training."""
    lived = [world.live(example) for example in examples[: len(examples) // 2]]
    world.predictor = PlanPredictor.fit(examples[: len(examples) // 2], world.tools, seed=world.seed)
    lived += [world.live(example) for example in examples[len(examples) // 2 :]]
    world.predictor = PlanPredictor.fit(examples, world.tools, seed=world.seed)
    return lived


def _current(world: World) -> PlanPredictor:
    return world.predictor or PlanPredictor.cold(world.tools)


def plot(result: dict[str, Any], path: Path) -> None:
    """Similarity on held-out requests of the new domain; waste and throttle on the stream."""
    import matplotlib as mpl  # noqa: PLC0415 - an extra

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - an extra

    figure, (above, below) = plt.subplots(2, figsize=(6.4, 6), layout="constrained", sharex=True)
    curve = result["similarity_after_switch"]
    above.plot([p["outcomes"] for p in curve], [p["similarity"] for p in curve], marker="o", label="similarity")
    above.axhline(result["steady_similarity"] - _TOLERANCE, linestyle=":", color="grey", label="steady - 0.05")
    windows = result["waste_over_time"]
    for name in ("waste", "dispatched", "throttle"):
        below.plot([w["tasks_since_switch"] for w in windows], [w[name] for w in windows], marker=".", label=name)
    below.axvline(0, color="grey", linewidth=0.8)
    below.set(xlabel="tasks since the switch")
    for axes in (above, below):
        axes.set(ylim=(0, 1))
        axes.legend(fontsize=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)
