"""Errors of declaring and hosting agents. A failed attempt is not an error: it is reported as a `Failure`."""

from planners.errors import ForerunError


class ActorsError(ForerunError):
    """Something about declaring or hosting agents went wrong."""


class InvalidAgent(ActorsError):
    """A callable cannot be an agent as written."""


class InvalidCatalog(ActorsError):
    """A catalog is not valid; none of it was used."""


class UnsupportedKind(ActorsError):
    """No executor can run agents of this kind."""


class UnknownTarget(ActorsError):
    """An import path does not name a callable."""


class NoSuchNode(ActorsError):
    """A node id that Ray does not know."""


class BadInput(ActorsError):
    """The inputs of an attempt do not match what its agent accepts."""


class BadOutput(ActorsError):
    """An agent's output does not match its declaration, or cannot be stored as JSON."""


class ProviderBusy(ActorsError):
    """A provider refused a request for now, and said when to try again."""

    retry_after_s: float = 0.0

    @classmethod
    def until(cls, message: str, field: str, retry_after_s: float) -> "ProviderBusy":
        """With the seconds that the provider asked for."""
        error = cls(message, field, f"tried again after {retry_after_s:g} s, as the provider asked")
        error.retry_after_s = retry_after_s
        return error


class MissingVariable(ActorsError):
    """An agent asked for an environment variable that it does not have."""


class NoMailbox(ActorsError):
    """An agent publishes or hears messages in a step that has no mailbox."""


class NoCallback(ActorsError):
    """An agent asked for the address of a callback that does not wait behind its step."""


class HookFailed(ActorsError):
    """A promote or verify hook ended by an exception that is not an `Exception`."""


class OutputGone(ActorsError, LookupError):
    """The output of an attempt is not available (any more)."""
