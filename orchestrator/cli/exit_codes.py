"""Exit codes of the commands, and error messages without a traceback."""

import asyncio
import errno
import functools
import sys
from collections.abc import Callable
from enum import IntEnum
from typing import Any, NoReturn, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from orchestrator.client.errors import Busy, NotOurs, Refused, ServiceFailed, Unreachable
from orchestrator.errors import CannotStart, RayLost, Unavailable
from orchestrator.problems import ProblemDetails, describe
from planners.errors import ForerunError

_P = ParamSpec("_P")
_R = TypeVar("_R")
_OF_DISKS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})


class ExitCode(IntEnum):
    """The exit status of a command."""

    OK = 0
    TASK_FAILED = 1
    BAD_INPUT = 2
    UNREACHABLE = 3
    SERVICE_FAILED = 4
    IN_DOUBT = 5
    INTERRUPTED = 130


def reported(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """Wrap a command: errors are printed as text (with ``--json``: as a problem document) and set the exit code."""

    @functools.wraps(command)
    def wrapped(*args: _P.args, **named: _P.kwargs) -> _R:
        try:
            return command(*args, **named)
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except BrokenPipeError:
            # The reader of our output has closed the pipe (`forerun list | head`).
            sys.stderr.close()
            raise typer.Exit(ExitCode.OK) from None
        except OSError as error:
            if error.filename is None and error.errno not in _OF_DISKS:
                raise  # not about a file that somebody has named
            told = ForerunError(f"{error.filename or 'a file'}: {error.strerror}", "", "check the path and the disk")
            report(told, as_json=bool(named.get("as_json")))
            raise typer.Exit(ExitCode.BAD_INPUT) from None
        except ForerunError as error:
            report(error, as_json=bool(named.get("as_json")))
            raise typer.Exit(code_of(error)) from None

    return wrapped


def code_of(error: ForerunError) -> ExitCode:
    """The exit code for an error."""
    match error:
        case Unreachable() | NotOurs() | Unavailable() | Busy():
            return ExitCode.UNREACHABLE
        case ServiceFailed() | CannotStart() | RayLost():
            return ExitCode.SERVICE_FAILED
    return ExitCode.BAD_INPUT


def refuse(message: str, fix: str = "") -> NoReturn:
    """End the command because its arguments make no sense."""
    report(ForerunError(message, "", fix), as_json=False)
    raise typer.Exit(ExitCode.BAD_INPUT)


def report(error: ForerunError, *, as_json: bool, word: str = "error") -> None:
    """Print an error, or what ``word`` calls it, to standard error, as text or as a problem document."""
    problem: ProblemDetails = error.problem if isinstance(error, Refused) else describe(error)
    if as_json:
        print(problem.model_dump_json(), file=sys.stderr)  # noqa: T201 machine-readable, so past rich
        return
    console = Console(stderr=True, highlight=False)
    flaws: list[Any] = list(problem.errors) or [error]
    for flaw in flaws:
        where = f"{escape(flaw.field)}: " if flaw.field else ""
        console.print(f"[bold red]{word}:[/] {where}{escape(flaw.message)}", soft_wrap=True)
        if flaw.fix:
            console.print(f"  [bold]fix:[/] {escape(flaw.fix)}", soft_wrap=True)
