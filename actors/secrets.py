"""Where the values of declared variables come from: the environment, a file, or a command."""

import logging
import shlex
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

FILE, COMMAND = "_FILE", "_COMMAND"
# A command is asked again after so long: its secret may have been replaced.
_KEPT_S = 300.0
# Attempts wait for a command on the event loop that they share.
_COMMAND_TIMEOUT_S = 5.0
_log = logging.getLogger(__name__)


@dataclass
class SecretSources:
    """Looks a name up: ``NAME`` itself, the file that ``NAME_FILE`` names, what the command ``NAME_COMMAND`` prints.

    What a command prints is kept for some minutes. A line break at the end does not belong to a secret.
    """

    variables: Mapping[str, str]
    _printed: dict[str, tuple[float, str | None]] = field(default_factory=dict, repr=False)

    def value(self, name: str) -> str | None:
        """The value; None if it is not set, or cannot be read or printed, which is logged."""
        if name in self.variables:
            return self.variables[name]
        if (path := self.variables.get(name + FILE)) is not None:
            return _read(name, path)
        if (command := self.variables.get(name + COMMAND)) is not None:
            return self._told(name, command)
        return None

    def _told(self, name: str, command: str) -> str | None:
        until_s, value = self._printed.get(name, (0.0, None))
        if time.monotonic() >= until_s:
            value = _run(name, command, self.variables)
            self._printed[name] = (time.monotonic() + _KEPT_S, value)
        return value


def _read(name: str, path: str) -> str | None:
    try:
        return Path(path).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        _log.warning("%s%s: %s cannot be read: %s", name, FILE, path, type(error).__name__)
        return None


def _run(name: str, command: str, variables: Mapping[str, str]) -> str | None:
    try:
        ended = subprocess.run(  # noqa: S603 - the operator declares the command; no shell is involved
            shlex.split(command), env=dict(variables), capture_output=True, timeout=_COMMAND_TIMEOUT_S, check=True
        )
        return ended.stdout.decode().rstrip("\r\n")
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        _log.warning("%s%s did not print the secret: %s", name, COMMAND, type(error).__name__)
        return None
