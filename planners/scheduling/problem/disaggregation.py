"""Split node groups into single nodes: exact where groups are only a relaxation."""

from dataclasses import replace

from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.problem import NodeGroup, Problem


def disaggregated_size(problem: Problem) -> int:
    """How many modes `disaggregated` would have."""
    return sum(len(problem.groups[mode.group].nodes) for modes in problem.modes for mode in modes)


def disaggregated(problem: Problem) -> Problem:
    """The same problem with one group a node, in node order, and one copy of each mode per node of its group."""
    groups = tuple(
        NodeGroup((node,), problem.groups[group].amounts, problem.groups[group].profile)
        for node, group in enumerate(problem.group_of)
    )
    copies = [_copies(problem, modes) for modes in problem.modes]
    modes = tuple(
        tuple(
            mode._replace(
                group=node,
                requires=_translated(mode, copies),
                lags=tuple(mode.lags[group] for group in problem.group_of) if mode.lags else (),
            )
            for mode, node, _ in copies[step]
        )
        for step in range(len(copies))
    )
    return replace(problem, groups=groups, group_of=tuple(range(len(groups))), modes=modes)


def _copies(problem: Problem, modes: tuple[ExecutionMode, ...]) -> list[tuple[ExecutionMode, int, int]]:
    """(mode, node, index of the original mode), in order."""
    return [(mode, node, index) for index, mode in enumerate(modes) for node in problem.groups[mode.group].nodes]


def _translated(
    mode: ExecutionMode, copies: list[list[tuple[ExecutionMode, int, int]]]
) -> tuple[tuple[int, frozenset[int]], ...]:
    """The requirements of a mode, with the indices of the copies."""
    return tuple(
        (other, frozenset(i for i, (_, _, original) in enumerate(copies[other]) if original in allowed))
        for other, allowed in mode.requires
    )
