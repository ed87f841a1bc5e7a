"""Errors of the learner. None of them stops tasks: planners and gate continue with what they already know."""

from planners.errors import ForerunError


class LearnerError(ForerunError):
    """A request to the learner failed."""


class UnknownVersion(LearnerError):
    """No model version has this number."""


class CorruptVersion(LearnerError):
    """A stored version cannot be used: a digest differs, or a file cannot be parsed."""
