"""Split node groups into single nodes: exact where groups are only a relaxation."""

from collections.abc import Sequence
from dataclasses import replace

from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.problem import NodeGroup, Problem
from planners.scheduling.problem.step_modes import ModeRows, StepModes


def disaggregated_size(problem: Problem) -> int:
    """How many modes `disaggregated` would have."""
    return sum(len(problem.groups[mode.group].nodes) for modes in problem.modes for mode in modes)


def disaggregated(problem: Problem) -> Problem:
    """The same problem with one group a node, in node order, and one copy of each mode per node of its group."""
    groups = tuple(
        NodeGroup((node,), problem.groups[group].amounts, problem.groups[group].profile)
        for node, group in enumerate(problem.group_of)
    )
    original = [_copied(problem, modes) for modes in problem.modes]
    in_flight = {
        step: tuple(
            _on_node(problem, running[index], node)._replace(requires=_translated(running[index], original))
            for index, node in _copies(problem, running)
        )
        for step, running in problem.modes.in_flight.items()
    }
    classes = [_rows_on_nodes(problem, rows) for rows in problem.modes.classes]
    modes = StepModes(classes, len(problem.steps), in_flight)
    return replace(problem, groups=groups, group_of=tuple(range(len(groups))), modes=modes)


def _copies(problem: Problem, modes: Sequence[ExecutionMode]) -> list[tuple[int, int]]:
    """(index of the mode, node), in order."""
    return [(index, node) for index, mode in enumerate(modes) for node in problem.groups[mode.group].nodes]


def _copied(problem: Problem, modes: Sequence[ExecutionMode]) -> list[int]:
    """The index of the mode that each copy is of."""
    return [index for index, _ in _copies(problem, modes)]


def _on_node(problem: Problem, mode: ExecutionMode, node: int) -> ExecutionMode:
    lags = tuple(mode.lags[group] for group in problem.group_of) if mode.lags else ()
    return mode._replace(group=node, lags=lags)


def _rows_on_nodes(problem: Problem, rows: ModeRows) -> ModeRows:
    copied = _copied(problem, rows.modes)
    modes = tuple(_on_node(problem, rows.modes[index], node) for index, node in _copies(problem, rows.modes))
    return rows._replace(modes=modes, duration=rows.duration[:, copied], usd=rows.usd[:, copied])


def _translated(mode: ExecutionMode, original: Sequence[Sequence[int]]) -> tuple[tuple[int, frozenset[int]], ...]:
    """The requirements of a mode, with the indices of the copies."""
    return tuple(
        (other, frozenset(i for i, index in enumerate(original[other]) if index in allowed))
        for other, allowed in mode.requires
    )
