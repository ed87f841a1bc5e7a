"""The failure of a task because of an error of the service."""

from reconciler.log_context import log_place
from reconciler.state.handoff import Failure, FailureKind

_LONGEST_TEXT = 2_000


def service_failure(error: Exception) -> Failure:
    """The failure of a task whose run is broken by an error of the service."""
    return Failure(
        kind=FailureKind.ERROR,
        message=f"the service failed on this task: {_text(error)}",
        error_type=type(error).__name__,
        fix=f"submit the task again; {log_place()} says more",
    )


def _text(error: Exception) -> str:
    """What an error says, if it can say it, and not without end."""
    try:
        return str(error)[:_LONGEST_TEXT]
    except Exception:  # noqa: BLE001 -- its __str__ may be what is broken
        return type(error).__name__
