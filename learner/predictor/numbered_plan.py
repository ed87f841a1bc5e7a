"""Plans with tools as numbers: how they are built and edited, and the work of each step."""

from collections.abc import Sequence
from functools import lru_cache

# Tools by number, and edges as pairs of positions in them.
NumberedPlan = tuple[tuple[int, ...], tuple[tuple[int, int], ...]]


def chain(tools: Sequence[int]) -> NumberedPlan:
    """The tools one after another."""
    return tuple(tools), tuple((i, i + 1) for i in range(len(tools) - 1))


def first_steps(plan: NumberedPlan, number: int) -> NumberedPlan:
    """The beginning of the plan: its first steps and the edges among them."""
    tools, edges = plan
    return tools[:number], tuple((i, j) for i, j in edges if i < number and j < number)


def extended_by(plan: NumberedPlan, tools: Sequence[int]) -> NumberedPlan:
    """The plan with further tools in a chain behind its last step."""
    steps, edges = plan
    at = range(len(steps), len(steps) + len(tools))
    return (*steps, *tools), (*edges, *((index - 1, index) for index in at if index))


def without_step(plan: NumberedPlan, position: int) -> NumberedPlan:
    """The plan without one step; the parents of that step become the parents of its children."""
    tools, edges = plan
    into = [i for i, j in edges if j == position]
    out = [j for i, j in edges if i == position]
    kept = [edge for edge in edges if position not in edge]
    joined = dict.fromkeys([*kept, *((i, j) for i in into for j in out)])
    shifted = tuple(sorted((i - (i > position), j - (j > position)) for i, j in joined))
    return tools[:position] + tools[position + 1 :], shifted


@lru_cache(maxsize=20_000)
def work_ids(plan: NumberedPlan) -> tuple[int, ...]:
    """A number for each step with all its ancestors: equal where two plans do the same work, inputs aside."""
    tools, edges = plan
    parents: list[list[int]] = [[] for _ in tools]
    for parent, child in edges:
        if parent < child:
            parents[child].append(parent)
    found: list[int] = []
    for step, tool in enumerate(tools):
        found.append(hash((tool, *sorted(found[parent] for parent in parents[step]))))
    return tuple(found)


@lru_cache(maxsize=20_000)
def distinct_work_ids(plan: NumberedPlan) -> frozenset[int]:
    """The numbers of `work_ids`, each once."""
    return frozenset(work_ids(plan))


def begins_with(plan: NumberedPlan, prefix: NumberedPlan) -> NumberedPlan | None:
    """The plan with the steps of the prefix first, in its order; None if it lacks the work of one of them.

    Both list parents before children, and the prefix holds every parent of its steps.
    """
    works, wanted = work_ids(plan), work_ids(prefix)
    order: list[int] = []
    for work in wanted:
        found = next((at for at, own in enumerate(works) if own == work and at not in order), None)
        if found is None:
            return None
        order.append(found)
    order += [at for at in range(len(works)) if at not in order]
    number = {old: new for new, old in enumerate(order)}
    tools, edges = plan
    return tuple(tools[at] for at in order), tuple(sorted((number[i], number[j]) for i, j in edges))
