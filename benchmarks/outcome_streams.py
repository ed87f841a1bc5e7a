"""Warm, unseen and adversarial requests one after another in virtual time, as `forerun bench speculation` has on Ray.

The same learner lives through a history of recurring requests, then through the stream, whose guesses the gate sees as
one kind of task of its own (``fresh``) or of the history's: then all that is known speaks for requests that are wrong.
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


def live(  # noqa: PLR0913 what makes a world, named at the call
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
    """The tasks of the stream, after `HISTORY` tasks that recur. ``predictor`` has learned ``past``, not ``unseen``."""
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
    """The same request with other numbers."""
    return replace(
        example, request=re.sub(r"\d+", lambda m: str(draw.randrange(10 ** len(m.group()))), example.request)
    )


def _contradicted(example: PlanExample, names: Sequence[str], draw: random.Random) -> PlanExample:
    """The request now gets quite other tools: whatever is guessed is wrong."""
    others = [name for name in names if name not in example.steps]
    return replace(example, steps=tuple(draw.sample(others, len(example.steps))))
