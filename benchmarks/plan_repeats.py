"""Requests that repeat and a planner that answers them inconsistently, as an LLM does.

Recorded dispatches of such a system cannot be shared. Two open analogues, each a set of requests with the plans that
the planner gives them and their shares:

- ``repeats_taskbench``: TaskBench requests with plans by two LLMs, drawn as if one planner had written both.
- ``repeats_noise``: UltraTool requests. The recorded plan is drawn most often, otherwise one of two edits of it.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.datasets import PlanRecord
from learner.predictor import PlanExample

# Shares of the plans of a request, by rank.
LLM_SHARES = (0.65, 0.35)
NOISE_SHARES = (0.7, 0.2, 0.1)
TESTS_A_REQUEST = 3


@dataclass(frozen=True)
class InconsistentPlanner:
    """The plans of each request, the most frequent first, and their shares."""

    plans: Sequence[tuple[PlanExample, ...]]
    shares: tuple[float, ...]

    @property
    def self_consistency(self) -> float:
        """How often the planner, asked twice, gives the same plan."""
        agree = [
            sum(
                a * b
                for one, a in zip(plans, self.shares, strict=True)
                for other, b in zip(plans, self.shares, strict=True)
                if same_plan(one, other)
            )
            for plans in self.plans
        ]
        return sum(agree) / max(1, len(agree))

    def draw(self, repeats: int, seed: int) -> list[PlanExample]:
        """Each request so many times, in random order."""
        source = random.Random(seed)
        drawn = [source.choices(plans, self.shares)[0] for plans in self.plans for _ in range(repeats)]
        source.shuffle(drawn)
        return drawn


def same_plan(one: PlanExample, other: PlanExample) -> bool:
    """Whether both have the same steps and edges in the same order."""
    return one.steps == other.steps and sorted(one.edges) == sorted(other.edges)


def by_two_llms(written: Mapping[str, Sequence[PlanExample]]) -> InconsistentPlanner:
    """The requests that have plans by two LLMs; which of the two is more frequent alternates."""
    pairs = [tuple(plans) for _, plans in sorted(written.items()) if len(plans) == len(LLM_SHARES)]
    return InconsistentPlanner([pair[::-1] if at % 2 else pair for at, pair in enumerate(pairs)], LLM_SHARES)


def with_noise(records: Sequence[PlanRecord], tools: Sequence[str], requests: int, seed: int) -> InconsistentPlanner:
    """So many requests of two steps or more; the edits replace a step by another tool, or leave a step out."""
    source = random.Random(seed)
    chosen = source.sample([record.example() for record in records if len(record.tools) > 1], requests)
    return InconsistentPlanner(
        [(example, _with_other_tool(example, tools, source), _shortened(example, source)) for example in chosen],
        NOISE_SHARES,
    )


def _with_other_tool(example: PlanExample, tools: Sequence[str], source: random.Random) -> PlanExample:
    steps = list(example.steps)
    steps[source.randrange(len(steps))] = source.choice([tool for tool in tools if tool not in steps])
    return replace(example, steps=tuple(steps))


def _shortened(example: PlanExample, source: random.Random) -> PlanExample:
    """Without one step at either end, so that the others keep their links."""
    left_out = source.choice((0, len(example.steps) - 1))
    at = [index for index in range(len(example.steps)) if index != left_out]
    number = {old: new for new, old in enumerate(at)}
    edges = tuple((number[i], number[j]) for i, j in example.edges if left_out not in {i, j})
    return replace(example, steps=tuple(example.steps[index] for index in at), edges=edges)
