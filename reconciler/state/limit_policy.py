"""What happens at a limit of a task: it fails, it goes on without what exceeds the limit, or a person is asked.

While a person is asked, what runs goes on. Past the deadline nothing more is started; over the budget, only what still
fits.
"""

from collections.abc import Iterable

from planners.model import StepId
from planners.plans import PlannedStep
from planners.tasks import LimitAction
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.budget import over_budget
from reconciler.state.conclusion import check_limits, fail, with_whereabouts
from reconciler.state.deadline_stop import late, leave_out, stop
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.run_data import RunData
from reconciler.state.step_state import StepStatus
from reconciler.state.task_limits import Excess, TaskLimit


def meet_limits(run: RunData) -> None:
    """Fail the run at a limit, or stop it at its deadline, where the task says so."""
    check_limits(run)
    if run.ending or not run.is_late or run.task.limits.on_deadline != "finish":
        return
    if run.plan is None:
        fail(run, _failure(run, Excess(TaskLimit.DEADLINE, f"{late(run)} before there was a plan")))
    else:
        stop(run)


def may_start(run: RunData, planned: PlannedStep) -> bool:
    """Whether a step may start. If not, the task fails, goes on without the step, or holds it until a person answers.

    What a task has done is undone whatever its limits are.
    """
    run.limits.held.pop(planned.id, None)
    excess = None if run.undoing is not None else _excess(run, planned)
    if excess is None:
        return True
    match _action(run, excess.limit):
        case "ask":
            run.limits.held[planned.id] = excess
            run.steps.hold(planned.id, run.at_s, excess.message)
        case "finish":
            leave_out(run, planned.id, excess.message)
        case "fail":
            fail(run, _failure(run, excess))
    return False


def asked(run: RunData) -> dict[TaskLimit, str]:
    """The limits about which a person is asked, each with what exceeds it. Linear in the steps that are held."""
    if run.ending:
        return {}
    is_late = run.is_late and run.task.limits.on_deadline == "ask"
    found = {TaskLimit.DEADLINE: late(run)} if is_late else {}
    for step, excess in run.limits.held.items():
        if is_held(run, step):
            found.setdefault(excess.limit, excess.message)
    return found


def answered(run: RunData, event: e.LimitsAnswered) -> None:
    """A person has raised limits, or has said how the task ends."""
    if run.ending:
        return
    questions = asked(run)
    run.limits.answers.append(event)
    if event.action == "fail":
        by = f" by {event.by}" if event.by else ""
        why = [f"{next(iter(questions.values()), 'before its end')}; the task was ended{by}", event.comment]
        message = ": ".join(part for part in why if part)
        fail(run, with_whereabouts(run, Failure(kind=FailureKind.LIMIT, message=message)))
        return
    is_raised = _set(run, event, questions)
    held = [step for step in run.limits.held if is_held(run, step)]
    run.limits.held.clear()
    if is_raised and event.replans and run.plan is not None and run.task.planning.plan is None:
        run.limits.raised = True
        run.limits.replanned.update(dict.fromkeys(held))
    else:
        _release(run, held)


def release_replanned(run: RunData) -> None:
    """Let the steps go on that waited for a plan within raised limits, once it is there or will not come."""
    if run.limits.replanned and not (run.limits.raised or run.replanning):
        held = [step for step in run.limits.replanned if is_held(run, step)]
        run.limits.replanned.clear()
        _release(run, held)


def _release(run: RunData, steps: Iterable[StepId]) -> None:
    for step in steps:
        run.steps.release(step, run.at_s, "the limits of the task have changed")


def is_held(run: RunData, step: StepId) -> bool:
    """Whether a step, which a limit held, is still held."""
    state = run.steps.get(step)
    return state is not None and state.status is StepStatus.HELD


def _set(run: RunData, event: e.LimitsAnswered, questions: dict[TaskLimit, str]) -> bool:
    """Limits are raised, never lowered: what was planned within them stays possible. Returns whether one was raised."""
    limits = run.task.limits
    new: dict[str, object] = {}
    for limit in TaskLimit:
        before, value = getattr(limits, limit), getattr(event, limit)
        if before is not None and value is not None and value > before:
            new[limit] = value
    is_raised = bool(new)
    if event.action == "finish":
        new |= {"on_deadline" if one is TaskLimit.DEADLINE else "on_budget": "finish" for one in questions}
    run.task = run.task.model_copy(update={"limits": limits.model_copy(update=new)})
    if event.deadline_s is not None and TaskLimit.DEADLINE in new:
        run.commands.append(c.WakeAt(at_s=event.deadline_s))
    return is_raised


def _excess(run: RunData, planned: PlannedStep) -> Excess | None:
    if run.is_late:
        return Excess(TaskLimit.DEADLINE, f"{late(run)} before step '{planned.id}' began")
    return over_budget(run, planned)


def _action(run: RunData, limit: TaskLimit) -> LimitAction:
    limits = run.task.limits
    return limits.on_deadline if limit is TaskLimit.DEADLINE else limits.on_budget


def _failure(run: RunData, excess: Excess) -> Failure:
    option, less = "on_budget", "offer cheaper agents"
    if excess.limit is TaskLimit.DEADLINE:
        option, less = "on_deadline", "give the task less to do"
    fix = f"raise limits.{excess.limit}, {less}, or set limits.{option} to finish or ask"
    return with_whereabouts(run, Failure(kind=FailureKind.LIMIT, message=excess.message, fix=fix))
