"""Improve a schedule at no cost: better agents, and the placements that a hint prefers.

One step at a time is removed and placed in a preferred mode while all others stay, if that keeps every limit, does not
increase the objective and delays no other step. Plans of equal objective thereby become equal.
"""

from collections.abc import Iterator, Sequence

from planners.scheduling.list_scheduling.compiled import compiled_passes
from planners.scheduling.list_scheduling.partial_schedule import PartialSchedule
from planners.scheduling.list_scheduling.schedule import Schedule
from planners.scheduling.problem.feasibility import most_usd, within_budget
from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.problem import Problem

# The (mode, node) a step should have if that costs nothing.
PlacementPreference = tuple[int, int] | None


def break_ties(problem: Problem, schedule: Schedule, preferences: Sequence[PlacementPreference] = ()) -> Schedule:
    """The same schedule, or one of equal objective with better agents or closer to the preferences."""
    if (compiled := compiled_passes(problem)) is not None:
        improved = compiled.break_ties(schedule, most_usd(problem.budget_usd), _kept(problem, schedule), preferences)
        return improved if improved.value <= schedule.value else schedule
    work = list(_improvable_steps(problem, schedule, preferences))
    if not work:
        return schedule
    partial = PartialSchedule(problem)
    for step, index in enumerate(schedule.mode):
        partial.place(step, index, schedule.node[step], schedule.start[step])
    makespan = schedule.makespan
    kept = _kept(problem, schedule)
    for step in work:
        if not kept[step]:
            _reassign(partial, step, makespan, preferences[step] if preferences else None)
    improved = partial.schedule()
    return improved if improved.value <= schedule.value else schedule


def _kept(problem: Problem, schedule: Schedule) -> list[int]:
    """Per step, 1 if it continues an attempt in flight or such an attempt requires it, else 0."""
    kept = [0] * len(schedule.mode)
    if problem.has_in_flight:
        for step, index in enumerate(schedule.mode):
            mode = problem.modes[step][index]
            kept[step] |= mode.in_flight
            for other, _ in mode.requires:
                kept[other] = 1
    return kept


def _improvable_steps(
    problem: Problem, schedule: Schedule, preferences: Sequence[PlacementPreference]
) -> Iterator[int]:
    """Steps with a better agent or an unmet preference, last first: later steps make room for earlier ones."""
    for step in range(len(problem.steps) - 1, -1, -1):
        quality = problem.modes[step][schedule.mode[step]].agent.quality
        better = any(mode.agent.quality > quality for mode in problem.modes[step])
        preference = preferences[step] if preferences else None
        if better or (preference is not None and preference != (schedule.mode[step], schedule.node[step])):
            yield step


def _reassign(partial: PartialSchedule, step: int, makespan: int, preference: PlacementPreference) -> None:
    problem = partial.problem
    before = partial.mode[step], partial.node[step], partial.start[step]
    current = problem.modes[step][before[0]]
    ready, latest = partial.ready(step), _latest_end_anywhere(partial, step, makespan)
    candidates = [
        (index, node)
        for index, node in _preferred(problem, step, before[0], preference)
        if ready.earliest + problem.modes[step][index].duration <= latest
        and _costs_no_more(partial, problem.modes[step][index], current)
    ]
    if not candidates:
        return
    partial.remove(step)
    for index, node in candidates:
        mode = problem.modes[step][index]
        if node is None:
            found = partial.fit(mode, ready, latest - mode.duration)
        else:
            found = partial.earliest_on(node, ready.on(node, mode.group), mode), node
        if found is None:
            continue
        start, at = found
        if start + mode.duration <= _latest_end(partial, step, mode, at, makespan):
            partial.place(step, index, at, start)
            return
    partial.place(step, *before)


def _preferred(
    problem: Problem, step: int, current: int, preference: PlacementPreference
) -> list[tuple[int, int | None]]:
    """(mode, node or any) better than the current one, best first: by quality, by preference, by cost."""
    modes = problem.modes[step]
    quality = modes[current].agent.quality
    candidates: list[tuple[int, int | None]] = [
        (i, None) for i, mode in enumerate(modes) if mode.agent.quality > quality and not mode.in_flight
    ]
    if preference is not None and not modes[preference[0]].in_flight and modes[preference[0]].agent.quality >= quality:
        candidates.append(preference)
    return sorted(
        candidates,
        key=lambda one: (-modes[one[0]].agent.quality, one[1] is None, modes[one[0]].usd, modes[one[0]].duration),
    )


def _costs_no_more(partial: PartialSchedule, mode: ExecutionMode, current: ExecutionMode) -> bool:
    """Whether a change of mode keeps the cost part of the objective and the budget."""
    problem = partial.problem
    if problem.objective.usd_weight > 0 and mode.usd > current.usd:
        return False
    return mode.usd <= current.usd or within_budget(partial.usd - current.usd + mode.usd, problem.budget_usd)


def _latest_end_anywhere(partial: PartialSchedule, step: int, makespan: int) -> int:
    """The latest end that delays no child, without transfers."""
    children = partial.problem.children[step]
    starts = [partial.start[c] for c in children if not partial.problem.modes[c][partial.mode[c]].in_flight]
    return min([makespan, *starts])


def _latest_end(partial: PartialSchedule, step: int, mode: ExecutionMode, node: int, makespan: int) -> int:
    """The latest end in this mode on this node that delays no child."""
    latest = makespan
    for child in partial.problem.children[step]:
        if not partial.problem.modes[child][partial.mode[child]].in_flight:
            at = partial.node[child]
            transfer = 0 if at == node else mode.lag_to(partial.problem.group_of[at])
            latest = min(latest, partial.start[child] - transfer)
    return latest
