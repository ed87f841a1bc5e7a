"""Reads what an exception tells: its causes, the line of the user's code, and the traceback."""

import linecache
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from enum import IntEnum
from functools import lru_cache
from pathlib import Path
from types import FrameType, TracebackType

from actors.abridged import abridged_text
from actors.masking import Mask
from planners.errors import ForerunError
from reconciler.state.evidence import Frame, RaisedException

_MOST_TRACEBACK = 16_000
_MOST_MESSAGE = 2_000
_MOST_CODE = 200
_MOST_EXCEPTIONS = 8
# A chain may be endless: `__context__` is set by whoever wants to.
_LONGEST_CHAIN = 1_000
_PACKAGES = ("actors", "planners", "reconciler", "learner", "orchestrator", "forerun")

_NO_SECRETS = Mask(())


class Owner(IntEnum):
    """Whose code a file is."""

    USER = 0
    INSTALLED = 1
    HOST = 2


def chain_of(error: BaseException) -> list[BaseException]:
    """The exception and those that led to it, the root cause first. Of a group, its first exception is followed."""
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and all(following is not known for known in chain) and len(chain) < _LONGEST_CHAIN:
        chain.append(following)
        following = _led_by(following)
    return chain[::-1]


def unwrapped(error: BaseException) -> BaseException:
    """The only exception of a group, which is what an `asyncio.TaskGroup` with one failed child raises."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def raised_exceptions(chain: list[BaseException], mask: Mask, package: str = "") -> tuple[RaisedException, ...]:
    """The exceptions of a chain that are not Forerun's own; of a long chain those next to the root cause."""
    users = [error for error in chain if not isinstance(error, ForerunError)]
    return tuple(
        RaisedException(
            error_type=type(error).__name__,
            message=mask.text(text_of(error))[:_MOST_MESSAGE],
            frame=own_frame(error.__traceback__, mask, package),
        )
        for error in (users if len(users) <= _MOST_EXCEPTIONS else [*users[: _MOST_EXCEPTIONS - 1], users[-1]])
    )


def text_of(error: BaseException) -> str:
    """What an exception says; empty if it cannot say it."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - the text of a user's exception is a user's code
        return ""


def own_frame(
    trace: TracebackType | None, mask: Mask = _NO_SECRETS, package: str = "", *, most: Owner = Owner.INSTALLED
) -> Frame | None:
    """The innermost line of the user's own code; else of an installed package; None if all is Forerun's or Python's.

    Args:
        trace: of the exception.
        mask: of the secrets, which the line may hold.
        package: the top-level package of the agent, which is the user's own even if it is installed.
        most: of whose code a line may be, at most.
    """
    found: Frame | None = None
    best = most
    for frame, line in _steps(trace):
        owner = _owner_of(frame, package)
        if owner <= best:
            best, found = owner, _frame(frame, line, mask)
    return found


def formatted(error: BaseException) -> str:
    """The traceback as Python prints it, with its causes, from the first line that is not Forerun's on."""
    trace = error.__traceback__
    while (
        trace is not None
        and trace.tb_next is not None
        and owner_of_file(trace.tb_frame.f_code.co_filename) is Owner.HOST
    ):
        trace = trace.tb_next
    try:
        lines = traceback.TracebackException(type(error), error, trace, compact=True).format()
        return abridged_text("".join(lines).rstrip(), _MOST_TRACEBACK)
    except Exception:  # noqa: BLE001 - formatting calls methods of a user's exception
        return f"{type(error).__name__}: the traceback cannot be formatted"


def definition_of(function: object) -> Frame | None:
    """Where a callable is defined; None if it is not written in Python."""
    code = getattr(function, "__code__", None) or getattr(getattr(function, "__call__", None), "__code__", None)  # noqa: B004 - an instance with a method __call__
    if code is None:
        return None
    line = linecache.getline(code.co_filename, code.co_firstlineno).strip()
    return Frame(file=code.co_filename, line=code.co_firstlineno, function=code.co_name, code=line[:_MOST_CODE])


def _led_by(error: BaseException) -> BaseException | None:
    if error.__cause__ is not None:
        return error.__cause__
    if isinstance(error, BaseExceptionGroup) and error.exceptions:
        return error.exceptions[0]
    return None if error.__suppress_context__ else error.__context__


def _steps(trace: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _owner_of(frame: FrameType, package: str) -> Owner:
    if package and str(frame.f_globals.get("__name__", "")).partition(".")[0] == package:
        return Owner.USER
    return owner_of_file(frame.f_code.co_filename)


@lru_cache(maxsize=4096)
def owner_of_file(file: str) -> Owner:
    """Whose code a file is, by its path."""
    if file.startswith("<frozen "):
        return Owner.HOST
    path = Path(file)
    if any(path.is_relative_to(folder) for folder in _host_folders()):
        return Owner.HOST
    if any(path.is_relative_to(folder) for folder in _installed_folders()):
        return Owner.INSTALLED
    return Owner.HOST if path.is_relative_to(sysconfig.get_path("stdlib")) else Owner.USER


def _host_folders() -> Iterator[Path]:
    """The folders of Forerun's packages, and Ray's where it is loaded."""
    root = Path(__file__).parent.parent
    yield from (root / name for name in _PACKAGES)
    ray = sys.modules.get("ray")
    if ray is not None and ray.__file__ is not None:
        yield Path(ray.__file__).parent


def _installed_folders() -> Iterator[Path]:
    yield from (Path(sysconfig.get_path(name)) for name in ("purelib", "platlib"))
    yield from (Path(folder) for folder in sys.path if folder.endswith(("site-packages", "dist-packages")))


def _frame(frame: FrameType, line: int, mask: Mask) -> Frame:
    code = mask.text(linecache.getline(frame.f_code.co_filename, line, frame.f_globals).strip())
    return Frame(file=frame.f_code.co_filename, line=line, function=frame.f_code.co_name, code=code[:_MOST_CODE])
