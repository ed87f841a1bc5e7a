"""The limits of a task as people see them: what they are now, what is asked about them, what was answered. Pure."""

from typing import Literal

from pydantic import Field

from planners.model import Model, StepId
from reconciler.state.events import LimitsAnswered
from reconciler.state.limit_policy import asked, is_held
from reconciler.state.run import RunState
from reconciler.state.task_limits import TaskLimit

_MOST = 20


class LimitQuestion(Model):
    """A limit that is reached, about which the task asks."""

    limit: TaskLimit = Field(description="The limit")
    message: str = Field(description="What exceeds it")
    steps: tuple[StepId, ...] = Field(default=(), description="The steps that it holds, the first of them")


class LimitAnswer(Model):
    """What somebody has said about the limits."""

    at_s: float = Field(description="When")
    action: Literal["raise", "finish", "fail"] = Field(description="What happens")
    budget_usd: float | None = Field(default=None, description="The new budget in dollars, if it was raised")
    budget_tokens: int | None = Field(default=None, description="The new budget in tokens, if it was raised")
    deadline_s: float | None = Field(default=None, description="The new deadline, if it was raised")
    by: str = Field(default="", description="Who has said so")
    comment: str = Field(default="", description="Why")


class LimitsView(Model):
    """The limits of a task as they are now."""

    budget_usd: float | None = Field(default=None, description="The budget in dollars; null if there is none")
    budget_tokens: int | None = Field(default=None, description="The budget in tokens; null if there is none")
    deadline_s: float | None = Field(default=None, description="The deadline; null if there is none")
    asked: tuple[LimitQuestion, ...] = Field(
        default=(), description="Limits that are reached: `POST /v1/tasks/{id}/limits` answers"
    )
    answers: tuple[LimitAnswer, ...] = Field(default=(), description="What was answered so far, the last of it")


def limits_view(run: RunState) -> LimitsView | None:
    """The limits of a run's task; None if it has none."""
    limits = run.task.limits
    if limits.budget_usd is None and limits.budget_tokens is None and limits.deadline_s is None:
        return None
    return LimitsView(
        budget_usd=limits.budget_usd,
        budget_tokens=limits.budget_tokens,
        deadline_s=limits.deadline_s,
        asked=tuple(LimitQuestion(limit=one, message=told, steps=_held(run, one)) for one, told in asked(run).items()),
        answers=tuple(map(_answer, run.limits.answers[-_MOST:])),
    )


def told(answer: LimitAnswer) -> str:
    """An answer in one line: `budget_usd raised to 5 by ada: the customer pays`."""
    names = {TaskLimit.BUDGET_USD: answer.budget_usd, TaskLimit.BUDGET_TOKENS: answer.budget_tokens}
    names[TaskLimit.DEADLINE] = answer.deadline_s
    raised = ", ".join(f"{name} raised to {value:g}" for name, value in names.items() if value is not None)
    what = {"raise": raised, "finish": "finish with what is there", "fail": "fail"}[answer.action]
    by = f" by {answer.by}" if answer.by else ""
    return f"{what}{by} at {answer.at_s:.0f} s" + (f": {answer.comment}" if answer.comment else "")


def _held(run: RunState, limit: TaskLimit) -> tuple[StepId, ...]:
    held = [step for step, excess in run.limits.held.items() if excess.limit is limit and is_held(run, step)]
    return tuple(held[:_MOST])


def _answer(answer: LimitsAnswered) -> LimitAnswer:
    return LimitAnswer(**{name: getattr(answer, name) for name in LimitAnswer.model_fields})
