"""How a sandboxed command is started: the policy, and the launcher that applies it before the command runs."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from actors.kinds.command_settings import Sandbox

_LAUNCHER = str(Path(__file__).with_name("sandbox_launcher.py"))
# Programs and libraries of the system, and what these read. Nothing of a user is there.
_SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/proc"),
    *("/etc/ld.so.cache", "/etc/localtime", "/etc/ssl", "/etc/ca-certificates", "/etc/alternatives"),
)
_NETWORK = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/services")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


def sandboxed(argv: list[str], sandbox: Sandbox, folder: str) -> list[str]:
    """The argument vector that runs a command in a sandbox, with ``folder`` as its working folder."""
    return [sys.executable, "-I", _LAUNCHER, json.dumps(policy(sandbox, folder)), *argv]


def policy(sandbox: Sandbox, folder: str) -> dict[str, Any]:
    """The arguments of `sandlock.Sandbox`."""
    python = {sys.prefix, sys.base_prefix, sys.exec_prefix}  # also for commands that are scripts
    readable = [*_SYSTEM, *python, *sandbox.readable, *(_NETWORK if sandbox.network else ())]
    return {
        "fs_readable": sorted({path for path in readable if Path(path).exists()}),
        "fs_writable": [folder, *_DEVICES, *sandbox.writable],
        "net_allow": list(sandbox.network),
        "max_memory": str(sandbox.memory_bytes),
        "max_processes": sandbox.processes,
        "no_coredump": True,
        "cwd": folder,
    }


def lacks() -> str | None:
    """Why this machine cannot apply the whole sandbox; None if it can."""
    if find_spec("sandlock") is None:
        return "the package sandlock is not installed (extra sandbox)"
    from sandlock import landlock_abi_version, min_landlock_abi  # noqa: PLC0415 an extra

    found, needed = landlock_abi_version(), min_landlock_abi()
    if found < needed:
        return f"the kernel offers Landlock ABI {found}, and {needed} is needed (Linux 6.12 or later)"
    return None
