"""`forerun bench drift`: how soon guesses recover after the workload switches domain, and what that costs.

UltraTool's domains are divided into two workloads of about equal size. The steady similarity is that of a learner that
has learned only from the second workload, from as many plans as this one had learned from the first before the switch.
Similarity is measured on held-out requests of the second workload; waste and share on the stream of requests.
"""

import math
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import DirectoryPath, PositiveInt
from threadpoolctl import threadpool_limits

from benchmarks.progress import tracked
from benchmarks.virtual import Lived, World, latencies, summary, ultratool
from learner.learner import Learner
from learner.models.plan_similarity import mean_similarity
from learner.predictor import PlanExample, TrainedPlanPredictor

_RECOVERY = ("outcomes_to_recover", "outcomes_to_stay")
_TOLERANCE = 0.05


def run(  # noqa: PLR0913 - the options of the command
    data: DirectoryPath,
    *,
    before: PositiveInt = 250,
    after: PositiveInt = 300,
    held_out: PositiveInt = 200,
    seed: int = 0,
    seeds: PositiveInt = 1,
) -> dict[str, Any]:
    """Figures before the switch, after it, and the number of outcomes until recovery.

    ``outcomes_to_recover`` counts the new domain's plans learned from until similarity is first within 0.05 of the
    steady one, ``outcomes_to_stay`` until it stays there; None if that was not reached. With ``seeds`` above 1,
    ``over_seeds`` holds both figures for each seed (other held-out requests, another order), their median and worst;
    all other figures are those of ``seed``. As in a service, linear algebra has one thread: sums in another order give
    other models.
    """
    with threadpool_limits(limits=1):
        rounds = [_round(data, before, after, held_out, number) for number in range(seed, seed + seeds)]
    if len(rounds) == 1:
        return rounds[0]
    return {**rounds[0], "over_seeds": {name: _spread([one[name] for one in rounds]) for name in _RECOVERY}}


def _spread(found: Sequence[int | None]) -> dict[str, Any]:
    """Median and worst of counts; None (not reached) is worse than any number."""
    ordered = sorted(found, key=lambda count: math.inf if count is None else count)
    return {"each": list(found), "median": ordered[len(ordered) // 2], "worst": ordered[-1]}


def _round(data: Path, before: int, after: int, held_out: int, seed: int) -> dict[str, Any]:
    first, second, tools = _worlds(data, seed)
    test, second = second[:held_out], second[held_out:]
    learner = Learner(tools=tools)
    world = World(tools, latencies(data), learner, seed)
    lived = [_lived(world, example) for example in tracked(first[:before], f"seed {seed}, before")]
    steady = mean_similarity(TrainedPlanPredictor.fit(second[:before], tools, seed=seed), test)
    curve = [{"outcomes": 0, "similarity": mean_similarity(learner.predictor, test)}]
    for number, example in enumerate(tracked(second[:after], f"seed {seed}, after"), start=1):
        known = learner.predictor_number
        lived.append(_lived(world, example))
        if learner.predictor_number != known or number == after:
            curve.append({"outcomes": number, "similarity": mean_similarity(learner.predictor, test)})
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


def _lived(world: World, example: PlanExample) -> Lived:
    """Run one task, then refit whatever the learner says is due, as the service does."""
    lived, learner = world.live(example), world.learner
    if learner.plans_due:
        learner.adopt_plans(learner.begin_plan_training()())
        world.predictor = learner.predictor
    if learner.due:
        learner.adopt(learner.begin_training()())
    return lived


def _worlds(data: Path, seed: int) -> tuple[list[PlanExample], list[PlanExample], Sequence[Any]]:
    """Divide the domains alternately by size: (plans of the first workload, plans of the second, catalog)."""
    examples, tools = ultratool(data)
    if seed:
        random.Random(seed).shuffle(examples)
    order = [domain for domain, _ in Counter(domain for domain, _ in examples).most_common()]
    left = set(order[0::2])
    return [e for d, e in examples if d in left], [e for d, e in examples if d not in left], tools


def plot(result: dict[str, Any], path: Path) -> None:
    """Plot similarity on held-out requests of the new domain, and waste and throttle on the stream."""
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
