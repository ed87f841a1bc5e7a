"""Runs a command in a sandbox: ``python -I sandbox_launcher.py POLICY ARGV...``, with the policy as JSON.

Where this machine cannot apply it, resource limits and a session of its own replace it, and a line on stderr says so.
"""

import json
import os
import resource
import signal
import sys
from typing import Any

_CANNOT_RUN = 126


def main(policy: dict[str, Any], argv: list[str]) -> int:
    """Run ``argv`` and return its exit code, or 128 + the signal that ended it."""
    try:
        import sandlock  # noqa: PLC0415 an extra
    except ImportError:
        return _limited("sandlock is not installed", policy, argv)
    if sandlock.landlock_abi_version() < sandlock.min_landlock_abi():
        return _limited("the kernel is too old for Landlock", policy, argv)
    try:
        result = sandlock.Sandbox(**policy).popen(argv).wait()
    except (RuntimeError, OSError, ValueError, sandlock.SandlockError) as error:
        sys.stderr.write(f"the sandbox cannot start: {error}\n")
        return _CANNOT_RUN
    if result.reason is sandlock.ExitReason.KILLED:
        bytes_, processes = policy["max_memory"], policy["max_processes"]
        sys.stderr.write(f"the sandbox killed it: more than {bytes_} bytes of memory, or {processes} processes\n")
        return 128 + signal.SIGKILL
    return int(128 + result.signal if result.signal > 0 else result.exit_code)


def _limited(reason: str, policy: dict[str, Any], argv: list[str]) -> int:
    sys.stderr.write(f"WARNING: not sandboxed, because {reason}: files and network are open to this command\n")
    sys.stderr.flush()
    os.chdir(policy["cwd"])
    os.setsid()
    memory = int(policy["max_memory"])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        os.execvp(argv[0], argv)  # noqa: S606 running the declared command is the purpose
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
    return _CANNOT_RUN


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1]), sys.argv[2:]))
