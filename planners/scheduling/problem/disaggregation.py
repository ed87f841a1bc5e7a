"""The same problem with every node on its own: exact where groups are only a relaxation."""

from dataclasses import replace

from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.problem import Group, Problem


def exploded_size(problem: Problem) -> int:
    """How many choices `exploded` would hold."""
    return sum(len(problem.groups[choice.group].nodes) for of in problem.choices for choice in of)


def exploded(problem: Problem) -> Problem:
    """One group a node, in node order; every choice once per node of its group."""
    groups = tuple(
        Group((node,), problem.groups[of].amounts, problem.groups[of].profile)
        for node, of in enumerate(problem.group_of)
    )
    copies = [_copies(problem, of) for of in problem.choices]
    choices = tuple(
        tuple(choice._replace(group=node, requires=_moved(choice, copies)) for choice, node, _ in copies[step])
        for step in range(len(copies))
    )
    return replace(problem, groups=groups, group_of=tuple(range(len(groups))), choices=choices)


def _copies(problem: Problem, choices: tuple[ExecutionMode, ...]) -> list[tuple[ExecutionMode, int, int]]:
    """(choice, node, index of the original) in order."""
    return [
        (choice, node, index) for index, choice in enumerate(choices) for node in problem.groups[choice.group].nodes
    ]


def _moved(
    choice: ExecutionMode, copies: list[list[tuple[ExecutionMode, int, int]]]
) -> tuple[tuple[int, frozenset[int]], ...]:
    return tuple(
        (other, frozenset(i for i, (_, _, original) in enumerate(copies[other]) if original in allowed))
        for other, allowed in choice.requires
    )
