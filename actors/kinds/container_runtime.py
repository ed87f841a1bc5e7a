"""The program on this machine that runs containers, and the containers that processes which have ended left there."""

import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from actors.environment import base_environment, inherited_environment
from actors.kinds.container import CLIENT_VARIABLES, PREFIX, ContainerOwner, is_podman, removal

_PROGRAMS = ("podman", "docker")
_ANSWER_S = 10.0
_PASSES_THROUGH = 4
_PID_MAX = Path("/proc/sys/kernel/pid_max")
INSTALL = "install podman on every node that is to run it (Debian: apt-get install podman)"


def container_program() -> str | None:
    """The path of podman, else of docker; None if there is neither."""
    path = base_environment().get("PATH")
    return next((found for name in _PROGRAMS if (found := shutil.which(name, path=path))), None)


def working_program() -> str | None:
    """As `container_program`, if it answers; docker does so only with its daemon."""
    program = container_program()
    return program if program is not None and _told(program, "version") is not None else None


def has_image(program: str, image: str) -> bool:
    """Whether an image is on this machine; else it is pulled when it is first needed."""
    return _told(program, "image", "inspect", "--format", "{{.Id}}", image) is not None


def client_environment() -> dict[str, str]:
    """The variables of the container program itself."""
    inherited = inherited_environment()
    return {**base_environment(), **{name: inherited[name] for name in CLIENT_VARIABLES if name in inherited}}


def client_ulimits() -> dict[str, int]:
    """The limits of this process, which those of a container must not exceed where this process may not raise its own.

    That is so where a node is itself a container. Podman would try to give more.
    """
    files, processes = (resource.getrlimit(kind)[1] for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC))
    most = int(_PID_MAX.read_text()) if _PID_MAX.exists() else processes
    limits = {"nofile": files, "nproc": most if processes == resource.RLIM_INFINITY else min(most, processes)}
    return {name: limit for name, limit in limits.items() if limit != resource.RLIM_INFINITY}


def client_user(program: str) -> str | None:
    """Who the command runs as, so that its files can be removed: docker would make them root's, whoever asks."""
    return None if is_podman(program) or os.getuid() == 0 else f"{os.getuid()}:{os.getgid()}"


def log_driver(program: str) -> str:
    """How a command gets its inputs and gives its output: ``passthrough`` hands it the pipes of this process.

    Without it, podman copies what it prints from a socket, and sometimes loses all of it if the command ends at once
    and leaves its input unread (podman issue 3302): the exit code is 0, and the output empty. Podman has it since
    version 4, and not for a service elsewhere; docker has not.
    """
    if not is_podman(program) or "CONTAINER_HOST" in client_environment():
        return "none"
    try:
        return "passthrough" if _major_version(program) >= _PASSES_THROUGH else "none"
    except ValueError:
        return "none"


@lru_cache
def _major_version(program: str) -> int:
    """The major version of podman. Raises ValueError if it does not tell it; the next call asks again."""
    return int((_told(program, "version", "--format", "{{.Client.Version}}") or "").partition(".")[0])


def new_name() -> str:
    """A name for a container that ends with this process."""
    pid = os.getpid()
    return ContainerOwner(_kernel(), pid, _started(pid) or 0).name(uuid4().hex[:12])


def sweep(program: str) -> list[str]:
    """Remove the containers whose process has ended, and the guard of the command with it; their names."""
    listed = _told(program, "ps", "--all", "--filter", f"name={PREFIX}", "--format", "{{.Names}}")
    left = leftovers((listed or "").split(), _kernel(), _started)
    for name in left:
        _told(*removal(program, name))
    return left


def leftovers(names: Iterable[str], kernel: str, started: Callable[[int], int | None]) -> list[str]:
    """Those of the containers whose process has ended.

    A container of another kernel, which is another boot, machine or namespace of processes, is none of them: whether
    its process lives cannot be seen from here.

    Args:
        names: of containers.
        kernel: as in `ContainerOwner`, of this process.
        started: the start of a process of this kernel by its id; None if there is none.
    """
    owned = [(name, ContainerOwner.of(name)) for name in names]
    return [
        name
        for name, owner in owned
        if owner is not None and owner.kernel == kernel and started(owner.pid) != owner.started
    ]


def _kernel() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id")
    space = Path("/proc/self/ns/pid")
    told = (boot.read_text() if boot.exists() else "", str(space.readlink()) if space.exists() else "")
    return sha256("".join(told).encode()).hexdigest()[:12]


def _started(pid: int) -> int | None:
    try:
        # The name of the program, in parentheses, may hold anything; the start is the 20th field after it.
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return None


def _told(*argv: str) -> str | None:
    """What a container program prints; None if it fails or does not answer in time."""
    try:
        done = subprocess.run(  # noqa: S603 - podman or docker, found in the PATH; no shell is involved
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ANSWER_S,
            check=False,
            env=client_environment(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None
