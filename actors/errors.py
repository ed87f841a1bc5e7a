"""Errors of declaring and hosting agents. What goes wrong while an agent runs is no error but a Failure."""

from planners.errors import ForerunError


class ActorsError(ForerunError):
    """Something about declaring or hosting agents went wrong."""


class InvalidAgent(ActorsError):
    """A callable cannot be an agent as it is written."""


class InvalidCatalog(ActorsError):
    """A catalog cannot be read; nothing of it was used."""


class UnknownTarget(ActorsError):
    """An import path leads to nothing that can be called."""


class NoSuchNode(ActorsError):
    """A node id that Ray has never heard of, or has forgotten."""


class BadInput(ActorsError):
    """The inputs of an attempt are not what its agent takes."""


class BadOutput(ActorsError):
    """An agent returned what it did not declare."""


class OutputGone(ActorsError, LookupError):
    """The output of an attempt is not (or no longer) there."""
