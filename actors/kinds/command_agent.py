"""Kind ``command``: a program that reads its inputs as JSON from stdin and prints its output as JSON.

Each attempt has a worker process of its own, and no process of the command outlives the attempt.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pydantic_core

from actors.context import Context
from actors.errors import ActorsError, BadInput, BadOutput, InvalidCatalog
from actors.invocation import Invocation
from actors.kinds.kind import Answer, Kind
from planners.agents import AgentSpec, Effect

_PROCESS_GUARD = str(Path(__file__).with_name("process_guard.py"))
_TAIL_BYTES = 2000


class CommandFailed(ActorsError):
    """A command ended with an exit code other than 0."""


class CommandKind:
    """Runs a program in a process group of its own, under a guard process.

    However the calling process ends, kill -9 included, the whole group dies.
    """

    runs_on_loop = False
    checks_schemas = True

    def declare(self, entry: Mapping[str, Any], place: str) -> AgentSpec | Mapping[str, Any]:
        """Check the argument vector and the effect."""
        target = entry.get("target")
        if not isinstance(target, list | tuple) or not target or not all(isinstance(part, str) for part in target):
            fix = 'write target: ["program", "argument"]'
            raise InvalidCatalog("the target of a command is its argument vector", f"{place}.target", fix)
        if entry.get("effect") == Effect.STAGEABLE:
            fix = "declare it idempotent or irreversible, or wrap it in a callable with promote="
            raise InvalidCatalog("a command cannot stage its effects", f"{place}.effect", fix)
        return dict(entry)

    def run(self, call: Invocation, inputs: dict[str, Any], context: Context) -> Answer:
        """Run the program to its end.

        Raises:
            BadInput, BadOutput: the declared schema does not match, or stdout is not JSON.
            CommandFailed: the exit code is not 0; ends with the last bytes of stderr.
        """
        _check(inputs, call.input_schema, BadInput, "inputs")
        done = _guarded(call, pydantic_core.to_json(inputs, inf_nan_mode="constants"))
        if done.returncode != 0:
            tail = done.stderr[-_TAIL_BYTES:].decode(errors="replace").strip()
            raise CommandFailed(f"exit code {done.returncode}: {tail}", "target")
        try:
            output = pydantic_core.from_json(done.stdout)
        except ValueError as error:
            fix = "print one JSON value and nothing else"
            raise BadOutput(f"stdout is not JSON: {error}", "output", fix) from None
        _check(output, call.output_schema, BadOutput, "output")
        return Answer(done.stdout.strip())


def _guarded(call: Invocation, stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    # Only this process holds the writing end, and nothing is ever written: the guard reads end-of-file when it dies.
    reading, writing = os.pipe()
    known = {"FORERUN_TASK": call.task, "FORERUN_ATTEMPT": call.attempt}
    command = [sys.executable, "-I", "-S", _PROCESS_GUARD, str(reading), *call.target]
    try:
        return subprocess.run(  # noqa: S603 - running declared commands is the purpose; no shell is involved
            command, input=stdin, capture_output=True, pass_fds=(reading,), env={**os.environ, **known}, check=False
        )
    finally:
        os.close(reading)
        os.close(writing)


def _check(value: Any, schema: dict[str, Any] | None, error: type[ActorsError], root: str) -> None:
    if schema is None:
        return
    problem = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(value))
    if problem is not None:
        raise error(problem.message, ".".join([root, *map(str, problem.absolute_path)]), "see the agent's schema")


KIND: Kind = CommandKind()
