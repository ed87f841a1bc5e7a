"""The root of every error Forerun raises, and the errors of planning.

Every error pickles: all arguments go positionally to ``super().__init__``, because Ray loses the type of exceptions
with keyword-only arguments. Every error carries what a problem document needs: the wrong field and the fix.
"""


class ForerunError(Exception):
    """The root. ``message`` is for people, ``field`` is a dotted path into the input, ``fix`` says what to do."""

    def __init__(self, message: str, field: str = "", fix: str = "") -> None:
        super().__init__(message, field, fix)
        self.message = message
        self.field = field
        self.fix = fix

    def __str__(self) -> str:
        where = f"{self.field}: " if self.field else ""
        return f"{where}{self.message}" + (f" ({self.fix})" if self.fix else "")


class PlanningError(ForerunError):
    """Planning failed."""


class InvalidTask(PlanningError):
    """The task cannot run as it is written. Nothing was changed."""


class Infeasible(PlanningError):
    """No plan can satisfy the task's limits on this cluster; ``message`` names the limit and the shortfall."""


class DecomposeFailed(PlanningError):
    """The goal could not be decomposed into a workflow."""


class NoLanguageModel(DecomposeFailed):
    """The task is a goal, and no LLM is configured that could decompose it."""
