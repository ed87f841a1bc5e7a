"""What a schedule may still gain at no cost: better agents, and the placements a hint prefers.

One step at a time is lifted out and put where it would rather be, all others standing still, if that keeps every
limit, costs the objective nothing and delays nobody. So plans that are equally good become equal.
"""

from collections.abc import Iterator, Sequence

from planners.scheduling.list_scheduling.partial_schedule import PartialSchedule, Schedule
from planners.scheduling.problem.feasibility import within
from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.problem import Problem

# (choice, node) a step would rather have, where it is all the same.
Wish = tuple[int, int] | None


def polished(problem: Problem, schedule: Schedule, wishes: Sequence[Wish] = ()) -> Schedule:
    """The same schedule or one of equal objective with better agents, nearer to the wishes."""
    work = list(_wanting(problem, schedule, wishes))
    if not work:
        return schedule
    placing = PartialSchedule(problem)
    for step, index in enumerate(schedule.choice):
        placing.put(step, index, schedule.node[step], schedule.start[step])
    needed = {other for step, index in enumerate(schedule.choice) for other, _ in problem.choices[step][index].requires}
    for step in work:
        if step not in needed and not problem.choices[step][placing.choice[step]].in_flight:
            _improve(placing, step, schedule.makespan, wishes[step] if wishes else None)
    found = placing.schedule()
    return found if found.value <= schedule.value else schedule


def _wanting(problem: Problem, schedule: Schedule, wishes: Sequence[Wish]) -> Iterator[int]:
    """Steps with a better agent or an unmet wish, last first: those after then leave room for those before."""
    for step in range(len(problem.steps) - 1, -1, -1):
        quality = problem.choices[step][schedule.choice[step]].agent.quality
        better = any(choice.agent.quality > quality for choice in problem.choices[step])
        wish = wishes[step] if wishes else None
        if better or (wish is not None and wish != (schedule.choice[step], schedule.node[step])):
            yield step


def _improve(placing: PartialSchedule, step: int, makespan: int, wish: Wish) -> None:
    problem = placing.problem
    was = placing.choice[step], placing.node[step], placing.start[step]
    current = problem.choices[step][was[0]]
    ready, latest = placing.ready(step), _last_end(placing, step, makespan)
    hopeful = [
        (index, node)
        for index, node in _preferences(problem, step, was[0], wish)
        if ready.earliest + problem.choices[step][index].duration <= latest
        and _as_cheap(placing, problem.choices[step][index], current)
    ]
    if not hopeful:
        return
    placing.lift(step)
    for index, node in hopeful:
        choice = problem.choices[step][index]
        if node is None:
            start, at = placing.best(choice, ready)
        else:
            start, at = placing.fit(node, ready.on(node, choice.group), choice), node
        if start + choice.duration <= _latest_end(placing, step, choice, at, makespan):
            placing.put(step, index, at, start)
            return
    placing.put(step, *was)


def _preferences(problem: Problem, step: int, now: int, wish: Wish) -> list[tuple[int, int | None]]:
    """(choice, node or any) better than what it has, best first: by quality, then as wished, then cheap."""
    choices = problem.choices[step]
    quality = choices[now].agent.quality
    found: list[tuple[int, int | None]] = [
        (i, None) for i, c in enumerate(choices) if c.agent.quality > quality and not c.in_flight
    ]
    if wish is not None and not choices[wish[0]].in_flight and choices[wish[0]].agent.quality >= quality:
        found.append(wish)
    return sorted(
        found,
        key=lambda one: (-choices[one[0]].agent.quality, one[1] is None, choices[one[0]].usd, choices[one[0]].duration),
    )


def _as_cheap(placing: PartialSchedule, choice: ExecutionMode, current: ExecutionMode) -> bool:
    """Whether a change costs the objective no dollars and keeps to the budget."""
    problem = placing.problem
    if problem.objective.usd_weight > 0 and choice.usd > current.usd:
        return False
    return choice.usd <= current.usd or within(placing.usd - current.usd + choice.usd, problem.budget_usd)


def _last_end(placing: PartialSchedule, step: int, makespan: int) -> int:
    """Before every child's start, wherever it runs."""
    children = (child for child in placing.problem.children[step])
    starts = [placing.start[c] for c in children if not placing.problem.choices[c][placing.choice[c]].in_flight]
    return min([makespan, *starts])


def _latest_end(placing: PartialSchedule, step: int, choice: ExecutionMode, node: int, makespan: int) -> int:
    latest = makespan
    for child in placing.problem.children[step]:
        if not placing.problem.choices[child][placing.choice[child]].in_flight:
            latest = min(latest, placing.start[child] - (0 if placing.node[child] == node else choice.lag))
    return latest
