"""The command lines that run a command in a container, by podman or docker. Pure functions.

Ray has two ways of its own, and neither fits a command. ``runtime_env={"image_uri": ...}`` moves a whole worker into
the image, which must then hold the same Ray, Python and Forerun as the nodes, and it bounds neither memory nor
network. ``ray.experimental.sandbox`` needs gVisor, gives a command no stdin and its output only at its end, and leaves
its containers behind when the calling process is killed. Here any image will do that holds the program; the inputs,
the output, progress and the guard are those of every command.

The client of podman runs under the guard of the command, which kills all that descends from it: also the processes in
the container. A container of docker descends from its daemon instead, so the guard then removes it by its name.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Self

from actors.kinds.command_settings import CommandSettings, Sandbox

PREFIX = "forerun-"
FOLDER = "/work"
# Exit codes of podman and docker: the container could not be started.
CANNOT_START = 125
# What their clients read. The command itself does not see these variables.
CLIENT_VARIABLES = (
    *("XDG_RUNTIME_DIR", "CONTAINER_HOST", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "REGISTRY_AUTH_FILE"),
    *("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"),
)
_NAME = re.compile(rf"{PREFIX}(?P<kernel>[0-9a-f]+)-(?P<pid>\d+)-(?P<started>\d+)-[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class ContainerOwner:
    """The process that a container ends with.

    Attributes:
        kernel: names the boot of the machine and the namespace of process ids.
        pid: its process id there.
        started: its start, in clock ticks since the boot: process ids are used again.
    """

    kernel: str
    pid: int
    started: int

    def name(self, unique: str) -> str:
        """The name of a container. ``unique``: hexadecimal digits, its own."""
        return f"{PREFIX}{self.kernel}-{self.pid}-{self.started}-{unique}"

    @classmethod
    def of(cls, name: str) -> Self | None:
        """The owner of a container by its name; None if it is no container of Forerun."""
        found = _NAME.fullmatch(name)
        return cls(found["kernel"], int(found["pid"]), int(found["started"])) if found else None


def contained(  # noqa: PLR0913 - keywords
    program: str,
    settings: CommandSettings,
    argv: Sequence[str],
    *,
    name: str,
    folder: str,
    variables: Iterable[str] = (),
    ulimits: Mapping[str, int] = MappingProxyType({}),
    user: str | None = None,
    log_driver: str = "none",
) -> list[str]:
    """The argument vector that runs ``argv`` in a container of its own, which is removed when it ends.

    Args:
        program: podman or docker, as a path.
        settings: the image, and what the command may do there.
        argv: the command. The entry point of the image is not used.
        name: of the container.
        folder: the working folder of the command on this machine.
        variables: those that the command sees, by name: values would show in the list of processes.
        ulimits: limits of each of its processes, by name, besides that of core dumps.
        user: ``uid:gid`` that the command runs as; None: the one of the image.
        log_driver: of the program; see `actors.kinds.container_runtime.log_driver`.
    """
    assert settings.image is not None
    limits = settings.sandbox or Sandbox()
    return [
        *(program, "run", "--rm", "--interactive", "--name", name, "--log-driver", log_driver, "--entrypoint", ""),
        *("--volume", f"{folder}:{FOLDER}:Z", "--workdir", FOLDER),
        *_mounts(limits.readable, "ro"),
        *_mounts(limits.writable, "rw"),
        *("--memory", str(limits.memory_bytes), "--memory-swap", str(limits.memory_bytes)),
        *("--pids-limit", str(limits.processes)),
        *(part for kind, most in {"core": 0, **ulimits}.items() for part in ("--ulimit", f"{kind}={most}:{most}")),
        *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *(() if limits.network else ("--network", "none")),
        *(() if user is None else ("--user", user)),
        *(part for variable in variables for part in ("--env", variable)),
        settings.image,
        *argv,
    ]


def removal(program: str, name: str) -> list[str]:
    """The argument vector that ends and removes a container, if there is one of that name."""
    options = ["--force", "--ignore", "--time", "0"] if is_podman(program) else ["--force"]
    return [program, "rm", *options, name]


def is_podman(program: str) -> bool:
    """Whether a program is podman, which needs no daemon."""
    return Path(program).name.startswith("podman")


def _mounts(paths: Iterable[str], how: str) -> Iterable[str]:
    for path in paths:
        yield from ("--volume", f"{path}:{path}:{how}")
