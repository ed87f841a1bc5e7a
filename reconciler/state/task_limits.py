"""What the limits of a task hold back until a person answers, and what people have answered."""

from enum import StrEnum
from typing import NamedTuple

from planners.model import StepId
from reconciler.state.events import LimitsAnswered


class TaskLimit(StrEnum):
    """A limit of a task, by its field."""

    BUDGET_USD = "budget_usd"
    BUDGET_TOKENS = "budget_tokens"
    DEADLINE = "deadline_s"


class Excess(NamedTuple):
    """A limit, and in a sentence what exceeds it."""

    limit: TaskLimit
    message: str


class TaskLimits:
    """See the module.

    Attributes:
        held: the steps that a limit holds; one that is not held any more may be among them.
        answers: what people have said, in order.
        raised: whether limits were raised since a plan was asked for.
        stopped: whether the task has stopped at its deadline although its plan was not complete.
        replanned: steps that a limit held, and that wait for the plan within the raised limits.
    """

    def __init__(self) -> None:
        self.held: dict[StepId, Excess] = {}
        self.answers: list[LimitsAnswered] = []
        self.raised = False
        self.stopped = False
        self.replanned: dict[StepId, None] = {}
