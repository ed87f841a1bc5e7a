"""Streams of warm, unseen and adversarial requests in virtual time, like those of `forerun bench speculation` on Ray.

The learner first sees a history of recurring requests, then the stream. The gate sees the stream as a kind of task of
its own (``fresh``) or as the kind of the history, whose good record then speaks for wrong guesses.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from benchmarks.virtual import KIND, Lived, World
from learner.learner import Learner
from learner.predictor import PlanExample, ToolText, TrainedPlanPredictor
from reconciler.gate import GatePolicy

Stream = Literal["warm", "unseen", "adversarial"]
HISTORY = 60


def live(  # noqa: PLR0913 -- keyword-only options
    stream: Stream,
    *,
    past: Sequence[PlanExample],
    unseen: Sequence[PlanExample],
    tools: Sequence[ToolText],
    latencies_s: Sequence[float],
    predictor: TrainedPlanPredictor,
    tasks: int = 12,
    seed: int = 0,
    fresh: bool = False,
    policy: GatePolicy | None = None,
) -> list[Lived]:
    """Run the stream after `HISTORY` recurring tasks. ``predictor`` has learned from ``past``, not from ``unseen``."""
    draw = random.Random(seed)
    world = World(tools, latencies_s, Learner(tools=tools), seed, predictor, policy or GatePolicy())
    shapes = draw.sample(list(past), min(len(past), 8))
    for _ in range(HISTORY):
        world.live(_varied(draw.choice(shapes), draw))
    if stream == "unseen":
        chosen = draw.sample(list(unseen), min(tasks, len(unseen)))
    else:
        chosen = [_varied(draw.choice(shapes), draw) for _ in range(tasks)]
    if stream == "adversarial":
        names = [tool.name for tool in tools]
        chosen = [_contradicted(example, names, draw) for example in chosen]
    return [world.live(example, stream if fresh else KIND) for example in chosen]


def _varied(example: PlanExample, draw: random.Random) -> PlanExample:
    """The same request with different numbers."""
    return replace(
        example, request=re.sub(r"\d+", lambda m: str(draw.randrange(10 ** len(m.group()))), example.request)
    )


def _contradicted(example: PlanExample, names: Sequence[str], draw: random.Random) -> PlanExample:
    """The same request with entirely different tools, so that every guess is wrong."""
    others = [name for name in names if name not in example.steps]
    return replace(example, steps=tuple(draw.sample(others, len(example.steps))))
