"""Errors of Forerun as errors of A2A."""

from collections.abc import Iterator
from contextlib import contextmanager

from a2a.utils.errors import InternalError, InvalidParamsError, TaskNotFoundError, UnsupportedOperationError
from pydantic import ValidationError

from orchestrator.errors import InvalidRequest
from orchestrator.problems import describe
from planners.errors import ForerunError, InvalidTask
from planners.validation import explain
from reconciler.errors import NotAsked, NotInDoubt, UnknownTask


@contextmanager
def as_a2a() -> Iterator[None]:
    """Raise the errors of a block as those that A2A clients know, with field and fix in the message.

    Raises:
        a2a.utils.errors.A2AError: the block raised a ForerunError.
    """
    try:
        yield
    except UnknownTask as error:
        raise TaskNotFoundError(message=str(error)) from error
    except (NotAsked, NotInDoubt) as error:
        raise UnsupportedOperationError(message=str(error)) from error
    except ValidationError as error:
        raise InvalidParamsError(message=_told(InvalidRequest(explain(error)))) from error
    except (InvalidTask, InvalidRequest) as error:
        raise InvalidParamsError(message=_told(error)) from error
    except ForerunError as error:
        raise InternalError(message=_told(error)) from error


def _told(error: ForerunError) -> str:
    problem = describe(error, "")
    where = f" ({problem.field})" if problem.field else ""
    return f"{problem.detail or problem.title}{where}" + (f"; {problem.fix}" if problem.fix else "")
