"""Whether what a person says about the limits of a task can be done."""

from reconciler.errors import InvalidLimits, NotAsked
from reconciler.state.events import LimitsAnswered
from reconciler.state.limit_policy import asked
from reconciler.state.run import RunState
from reconciler.state.task_limits import TaskLimit


def check_limits_answer(run: RunState, answer: LimitsAnswered, now_s: float) -> None:
    """Check an answer, ``now_s`` seconds after the admission of the task.

    Raises:
        NotAsked: the task has ended, or asks nothing.
        InvalidLimits: it does not raise a limit that the task has.
    """
    if run.ending:
        raise NotAsked("the task has ended or is undoing what it has done, so its limits no longer count", "id")
    if answer.action != "raise":
        if not asked(run):
            fix = "cancel the task, or wait until it asks"
            raise NotAsked("the task has not reached a limit about which it asks", "action", fix)
        return
    limits = run.task.limits
    for limit in TaskLimit:
        before, value = getattr(limits, limit), getattr(answer, limit)
        if value is None:
            continue
        if before is None:
            raise InvalidLimits(f"the task has no {limit}", limit, "leave it out")
        if value <= before:
            raise InvalidLimits(f"{limit} is {before:g}, and limits can only be raised", limit, "give more")
    if answer.deadline_s is not None and answer.deadline_s <= now_s:
        told = f"the task was admitted {now_s:.0f} s ago, so a deadline of {answer.deadline_s:g} s has passed"
        raise InvalidLimits(told, "deadline_s", f"deadline_s counts from admission: give more than {now_s:.0f}")
