"""The root of every error Forerun raises, and the errors of planning.

Every error pickles (all arguments go positionally to ``super().__init__``: Ray loses the type of an exception that has
keyword-only ones) and carries what a problem document needs: the field that is wrong and what would mend it.
"""


class ForerunError(Exception):
    """The root. ``message`` is for people; ``field`` points into the input (dotted path), ``fix`` says what to do."""

    def __init__(self, message: str, field: str = "", fix: str = "") -> None:
        super().__init__(message, field, fix)
        self.message = message
        self.field = field
        self.fix = fix

    def __str__(self) -> str:
        where = f"{self.field}: " if self.field else ""
        return f"{where}{self.message}" + (f" ({self.fix})" if self.fix else "")


class PlanningError(ForerunError):
    """Something about making a plan went wrong."""


class InvalidTask(PlanningError):
    """The task cannot be run as it is written; nothing was changed."""


class Infeasible(PlanningError):
    """No plan can satisfy the task's limits on this cluster; ``message`` names the constraint and by how much."""


class DecomposeFailed(PlanningError):
    """No workflow could be made of the goal."""
