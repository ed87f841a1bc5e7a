"""Ends the child processes that an agent forks and that leave its code: the attempt belongs to their parent.

Such a child would report an end of its own, and take the next attempt where its parent waits for that.
"""

import os
import sys
import traceback
from contextlib import suppress


def end_if_forked(pid: int, error: BaseException | None = None) -> None:
    """End this process as Python ends a program, unless it is the one with this id.

    Args:
        pid: of the process that the attempt was started in.
        error: what has left the agent's code, if anything.
    """
    if os.getpid() == pid:
        return
    code = 0
    with suppress(BaseException):
        code = _exit_code(error)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    os._exit(code)


def _exit_code(error: BaseException | None) -> int:
    if error is None:
        return 0
    if not isinstance(error, SystemExit):
        traceback.print_exception(error)
        return 1
    if isinstance(error.code, int | None):
        return (error.code or 0) & 0xFF
    sys.stderr.write(f"{error.code}\n")
    return 1
