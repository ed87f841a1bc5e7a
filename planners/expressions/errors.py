"""The error of an expression that has no value."""

from planners.errors import PlanningError


class ExpressionFailed(PlanningError):
    """An expression has no value for these inputs, or needs too much time or memory."""
