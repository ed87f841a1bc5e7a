"""CPOP: the steps of the critical path go to the one node that runs them fastest, the others where they end first.

Source: Topcuoglu, Hariri, Wu (2002), doi:10.1109/71.993206.
"""

from planners.schedule.heft import objective_score
from planners.schedule.placing import Schedule, serial
from planners.schedule.problem import Choice, Problem
from planners.schedule.ranks import by_priority, downward, mean_durations, upward


def cpop(problem: Problem) -> Schedule:
    """The CPOP schedule. Keeps to the budget; a deadline it only hopes to meet."""
    means = mean_durations(problem)
    priority = [up + down for up, down in zip(upward(problem, means), downward(problem, means), strict=True)]
    critical = _critical_path(problem, priority)
    group = _fastest_group(problem, critical)
    plain = objective_score(problem)

    def score(step: int, end: int, choice: Choice) -> float:
        elsewhere = step in critical and group is not None and choice.group != group
        return plain(step, end, choice) + (1e18 if elsewhere else 0.0)

    return serial(problem, by_priority(problem, priority), score)


def _critical_path(problem: Problem, priority: list[float]) -> frozenset[int]:
    entries = [step for step, parents in enumerate(problem.parents) if not parents]
    if not entries:
        return frozenset()
    path = [max(entries, key=lambda step: (priority[step], -step))]
    while problem.children[path[-1]]:
        path.append(max(problem.children[path[-1]], key=lambda step: (priority[step], -step)))
    return frozenset(path)


def _fastest_group(problem: Problem, critical: frozenset[int]) -> int | None:
    """The group whose nodes run all critical steps in the least time; None: no group can run them all."""
    totals: dict[int, int] = {}
    for group in range(len(problem.groups)):
        best = [min((c.duration for c in problem.choices[step] if c.group == group), default=None) for step in critical]
        known = [duration for duration in best if duration is not None]
        if len(known) == len(best):
            totals[group] = sum(known)
    return min(totals, key=lambda group: (totals[group], group), default=None)
