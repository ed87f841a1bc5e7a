"""Kind ``command``: a program that reads its inputs as JSON from stdin and prints its output as JSON.

Each attempt has a worker process of its own, and no process of the command outlives the attempt.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE
from typing import IO, Any

import pydantic_core

from actors.context import Context
from actors.environment import base_environment, declared_variables
from actors.errors import ActorsError, BadInput, BadOutput, InvalidCatalog
from actors.invocation import Invocation
from actors.kinds.kind import Answer, Kind
from actors.kinds.schemas import check_schema
from actors.payloads.json_values import decoded
from planners.agents import AgentSpec, Effect
from planners.model import AttemptId

_PROCESS_GUARD = str(Path(__file__).with_name("process_guard.py"))
_TAIL_BYTES = 1800  # with the exit code it fits into a failure message
_CHUNK_BYTES = 1 << 16
MAX_STDOUT_BYTES = 256 * 1024 * 1024
# The writing ends that keep the commands of this process alive, by attempt.
_RUNNING: dict[AttemptId, IO[bytes]] = {}


class CommandFailed(ActorsError):
    """A command ended with an exit code other than 0."""


class CommandKind:
    """Runs a program in a process group of its own, under a guard process.

    However the calling process ends, kill -9 included, the whole group dies.
    """

    runs_on_loop = False
    checks_schemas = True

    def declare(self, entry: Mapping[str, Any], location: str) -> AgentSpec | Mapping[str, Any]:
        """Check the argument vector and the effect."""
        target = entry.get("target")
        if not isinstance(target, list | tuple) or not target or not all(isinstance(part, str) for part in target):
            fix = 'write target: ["program", "argument"]'
            raise InvalidCatalog("the target of a command is its argument vector", f"{location}.target", fix)
        if entry.get("effect") == Effect.STAGEABLE:
            fix = "declare it idempotent or irreversible, or wrap it in a callable with promote="
            raise InvalidCatalog("a command cannot stage its effects", f"{location}.effect", fix)
        return dict(entry)

    def run(self, call: Invocation, inputs: dict[str, Any], context: Context) -> Answer:
        """Run the program to its end.

        Raises:
            BadInput, BadOutput: the declared schema does not match, or stdout is not JSON.
            CommandFailed: the exit code is not 0; ends with the last bytes of stderr.
        """
        check_schema(inputs, call.input_schema, BadInput, "inputs")
        code, stdout, stderr = _guarded(call, pydantic_core.to_json(inputs, inf_nan_mode="constants"))
        if code != 0:
            raise CommandFailed(f"exit code {code}: {stderr.decode(errors='replace').strip()}", "target")
        check_schema(decoded(stdout, "output"), call.output_schema, BadOutput, "output")
        return Answer(stdout.strip())


def stop_command(attempt: AttemptId) -> None:
    """End the command of an attempt that runs in this process; does nothing if there is none. Thread-safe."""
    if (alive := _RUNNING.get(attempt)) is not None:
        alive.close()  # the guard kills the group


def _guarded(call: Invocation, stdin: bytes) -> tuple[int, bytes, bytes]:
    """Run the command under its guard: the exit code, stdout, and the last bytes of stderr."""
    # Only this process holds the writing end, and nothing is ever written: the guard reads end-of-file when it dies.
    reading, writing = os.pipe()
    command = [sys.executable, "-I", "-S", _PROCESS_GUARD, str(reading), *call.target]
    with (
        os.fdopen(reading),
        os.fdopen(writing, "wb") as alive,
        ThreadPoolExecutor(2) as pool,
        subprocess.Popen(  # noqa: S603 - running declared commands is the purpose; no shell is involved
            command, stdin=PIPE, stdout=PIPE, stderr=PIPE, pass_fds=(reading,), env=_environment(call)
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        _RUNNING[call.attempt] = alive
        pool.submit(_write, process.stdin, stdin)
        stderr = pool.submit(_last_bytes, process.stderr, _TAIL_BYTES)
        try:
            stdout = _read(process.stdout, MAX_STDOUT_BYTES)
        except BadOutput:
            alive.close()  # the guard kills the group, which ends the threads too
            process.kill()
            raise
        finally:
            del _RUNNING[call.attempt]
        return process.wait(), stdout, stderr.result()


def _environment(call: Invocation) -> dict[str, str]:
    known = {
        "FORERUN_TASK": call.task,
        "FORERUN_ATTEMPT": call.attempt,
        "FORERUN_IDEMPOTENCY_KEY": call.idempotency_key or call.attempt,
    }
    return {**base_environment(), **declared_variables(call.env), **known}


def _write(stream: IO[bytes], data: bytes) -> None:
    with suppress(BrokenPipeError), stream:  # a command need not read its inputs
        stream.write(data)


def _read(stream: IO[bytes], max_bytes: int) -> bytes:
    read = bytearray()
    while chunk := stream.read(_CHUNK_BYTES):
        read += chunk
        if len(read) > max_bytes:
            fix = "write large data to a file or a store, and print where it is"
            raise BadOutput(f"the command printed more than {max_bytes} bytes", "output", fix)
    return bytes(read)


def _last_bytes(stream: IO[bytes], max_bytes: int) -> bytes:
    last = b""
    while chunk := stream.read(_CHUNK_BYTES):
        last = (last + chunk)[-max_bytes:]
    return last


KIND: Kind = CommandKind()
