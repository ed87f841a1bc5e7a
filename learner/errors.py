"""What can go wrong with learned models."""

from planners.errors import ForerunError


class LearnerError(ForerunError):
    """Something about learning went wrong; tasks go on with what was known before."""


class UnknownVersion(LearnerError):
    """There is no such version of the models."""


class CorruptVersion(LearnerError):
    """A stored version is not what was stored: a digest differs or a file does not parse."""
