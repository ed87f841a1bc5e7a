"""What the end of a command with an exit code other than 0 tells."""

import signal
from collections.abc import Sequence

from actors.errors import ActorsError
from actors.kinds.container import CANNOT_START

_MOST_LINE = 500
_NOT_FOUND = 127
_SIGNALS = 128


class CommandFailed(ActorsError):
    """A command ended with an exit code other than 0. ``stderr`` holds the last of what it wrote there."""

    def __init__(self, message: str, field: str = "", fix: str = "", exit_code: int = 1, stderr: str = "") -> None:
        super().__init__(message, field, fix)
        self.args = (message, field, fix, exit_code, stderr)
        self.exit_code = exit_code
        self.stderr = stderr


def command_failed(
    target: Sequence[str], code: int, stderr: str, *, sandboxed: bool = False, image: str | None = None
) -> CommandFailed:
    """The error of a command, from its exit code (128 + the signal that ended it) and the end of its stderr.

    ``image``: of the container that it ran in.
    """
    last = next((line.strip() for line in reversed(stderr.splitlines()) if line.strip()), "")
    said = f": {last[-_MOST_LINE:]}" if last else ""
    name = _signal(code)
    if code == CANNOT_START and image is not None:
        fix = f"run `podman run --rm {image} true` on the node; pull the image there, or correct settings.image"
        return CommandFailed(f"the container of '{target[0]}' did not start{said}", "settings.image", fix, code, stderr)
    if code == _NOT_FOUND:
        where = "where the workers run" if image is None else f"in {image}"
        fix = f"install '{target[0]}' {where}, or correct the target"
    elif name == "SIGKILL" and image is not None:
        fix = "allow more in settings.sandbox.memory_bytes, or give it less to do at once"
    elif name == "SIGKILL":
        fix = "see whether the node ran out of memory: give the agent resources.memory_bytes, or less to do at once"
    elif sandboxed or image is not None:
        fix = "if it needs more than settings.sandbox allows, allow it there; else run it by hand with these inputs"
    else:
        fix = "run the command by hand with these inputs as JSON on stdin; it must exit with 0"
    ended = f"exit code {code}" if name is None else f"exit code {code} ({name})"
    return CommandFailed(f"'{target[0]}' ended with {ended}{said}", "target", fix, code, stderr)


def _signal(code: int) -> str | None:
    try:
        return signal.Signals(code - _SIGNALS).name if code > _SIGNALS else None
    except ValueError:
        return None
