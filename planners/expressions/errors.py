"""The errors of expressions that have no value, or never have one."""

from planners.errors import PlanningError


class ExpressionFailed(PlanningError):
    """An expression has no value for these inputs, or needs too much time or memory."""


class UnknownField(ValueError):
    """An expression reads a field of an object that certainly has none of that name. ``known``: those that it has."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(name, known)
        self.name = name
        self.known = known

    def __str__(self) -> str:
        return f"it reads the field '{self.name}' of an object that has no such field"
