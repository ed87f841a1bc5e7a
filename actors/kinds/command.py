"""Command agents: inputs as JSON on stdin, output as JSON on stdout, nothing left running behind them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pydantic_core

from actors.errors import ActorsError, BadInput, BadOutput
from actors.invocation import Invocation

_PROCESS_GUARD = str(Path(__file__).with_name("process_guard.py"))
_TAIL_BYTES = 2000


class CommandFailed(ActorsError):
    """A command ended with an exit code other than 0."""


def run_command(call: Invocation, inputs: dict[str, Any]) -> bytes:
    """Run the command to its end and return what it printed, a JSON text.

    The command runs in its own process group under a guard process. However this process ends, kill -9 included, the
    whole group dies.

    Raises:
        BadInput, BadOutput: the declared schema says otherwise, or stdout is not JSON.
        CommandFailed: exit code other than 0; ends with the tail of stderr.
    """
    _checked(inputs, call.input_schema, BadInput, "inputs")
    done = _guarded(call, pydantic_core.to_json(inputs, inf_nan_mode="constants"))
    if done.returncode != 0:
        tail = done.stderr[-_TAIL_BYTES:].decode(errors="replace").strip()
        raise CommandFailed(f"exit code {done.returncode}: {tail}", "target")
    try:
        output = pydantic_core.from_json(done.stdout)
    except ValueError as error:
        raise BadOutput(f"stdout is not JSON: {error}", "output", "print one JSON value and nothing else") from None
    _checked(output, call.output_schema, BadOutput, "output")
    return done.stdout.strip()


def _guarded(call: Invocation, stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    held, given = (
        os.pipe()
    )  # this process alone holds the end that is never written: when it dies, the guard process notices
    known = {"FORERUN_TASK": call.task, "FORERUN_ATTEMPT": call.attempt}
    command = [sys.executable, "-I", "-S", _PROCESS_GUARD, str(held), *call.target]
    try:
        return subprocess.run(  # noqa: S603 - running declared commands is the point; no shell is involved
            command, input=stdin, capture_output=True, pass_fds=(held,), env={**os.environ, **known}, check=False
        )
    finally:
        os.close(held)
        os.close(given)


def _checked(value: Any, schema: dict[str, Any] | None, error: type[ActorsError], root: str) -> None:
    if schema is None:
        return
    problem = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(value))
    if problem is not None:
        raise error(problem.message, ".".join([root, *map(str, problem.absolute_path)]), "see the agent's schema")
