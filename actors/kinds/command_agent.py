"""Kind ``command``: a program that reads its inputs as JSON from stdin and prints its output as JSON.

``target`` is the argument vector, and ``settings`` are `CommandSettings`. Each attempt has a worker process of its own,
and no process of the command outlives the attempt.
"""

import asyncio
import logging
import os
import shutil
import stat
import subprocess
import sys
from codecs import getincrementaldecoder
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from io import BufferedReader
from pathlib import Path
from subprocess import PIPE
from tempfile import TemporaryDirectory
from typing import IO, Any

import pydantic_core

from actors.context import Context
from actors.environment import base_environment
from actors.errors import BadInput, BadOutput, InvalidCatalog, UnknownTarget
from actors.invocation import Invocation
from actors.kinds.command_failure import command_failed
from actors.kinds.command_launch import Launch, launch
from actors.kinds.command_progress import tell_lines
from actors.kinds.command_settings import CommandSettings
from actors.kinds.container_runtime import INSTALL, has_image, working_program
from actors.kinds.declared import declared, settings_of
from actors.kinds.kind import Answer, Kind
from actors.kinds.sandbox import lacks
from actors.kinds.schemas import check_schema
from actors.kinds.templates import Rendering, check_template, schema_of
from actors.logs.current import current_capture
from actors.payloads.json_values import decoded, encoded
from planners.agents import AgentSpec, Effect
from planners.model import AttemptId
from planners.resources import CONTAINERS, Resources
from reconciler.views.logs import LogStream

_log = logging.getLogger(__name__)
_PROCESS_GUARD = str(Path(__file__).with_name("process_guard.py"))
_TAIL_BYTES = 8_000
_CHUNK_BYTES = 1 << 16
MAX_STDOUT_BYTES = 256 * 1024 * 1024
# The writing ends that keep the commands of this process alive, by attempt.
_RUNNING: dict[AttemptId, IO[bytes]] = {}


class CommandKind:
    """Runs a program under a guard process, and in a sandbox or a container if the catalog says so.

    However the calling process ends, kill -9 included, all processes of the command die.
    """

    runs_on_loop = False
    checks_schemas = True

    def declare(self, entry: Mapping[str, Any], location: str) -> AgentSpec | Mapping[str, Any]:
        """Check the argument vector, the effect and the settings; derive the input schema from the templates."""
        target = entry.get("target")
        if not isinstance(target, list | tuple) or not target or not all(isinstance(part, str) for part in target):
            fix = 'write target: ["program", "argument"]'
            raise InvalidCatalog("the target of a command is its argument vector", f"{location}.target", fix)
        if entry.get("effect") == Effect.STAGEABLE:
            fix = "declare it idempotent or irreversible, or wrap it in a callable with promote="
            raise InvalidCatalog("a command cannot stage its effects", f"{location}.effect", fix)
        settings = settings_of(CommandSettings, entry, location)
        if settings.sandbox is not None and settings.image is None and (reason := lacks()) is not None:
            _log.warning("command '%s' is NOT sandboxed on this machine: %s", entry.get("name", location), reason)
        env = entry.get("env") or ()
        read = check_template(list(settings.arguments), env, f"{location}.settings.arguments")
        read |= check_template(dict(settings.files), env, f"{location}.settings.files")
        derived = {"input_schema": schema_of(read)} if read else {}
        needs = {} if settings.image is None else {"resources": _with_container(entry, f"{location}.resources")}
        return {**derived, **entry, **needs}

    async def health(self, agent: AgentSpec) -> str:
        """Look for the program and for what its sandbox needs; for one in an image, only for what runs containers."""
        settings = CommandSettings.model_validate(agent.settings)
        if settings.image is not None:
            return await asyncio.to_thread(_container_health, settings.image)
        program = agent.target[0]
        found = shutil.which(program, path=base_environment().get("PATH"))
        if found is None:
            raise UnknownTarget(f"there is no program '{program}'", "target", "install it, or give its full path")
        if settings.sandbox is None:
            return f"{found}, not sandboxed"
        reason = lacks()
        return f"{found}, sandboxed" if reason is None else f"{found}, NOT sandboxed: {reason}"

    def run(self, call: Invocation, inputs: dict[str, Any], context: Context) -> Answer:
        """Run the program to its end.

        Raises:
            BadInput, BadOutput: the declared schema does not match, or the output is not what is declared.
            CommandFailed: the exit code is not 0; tells the last bytes of stderr.
        """
        check_schema(inputs, call.input_schema, BadInput, "inputs")
        settings = CommandSettings.model_validate(call.settings)
        rendering = Rendering(inputs, context)
        with ExitStack() as stack:
            folder = stack.enter_context(TemporaryDirectory(prefix="forerun-")) if settings.own_folder else None
            for name, template in settings.files.items():
                Path(folder or "", name).write_text(rendering.text(template, f"settings.files.{name}"), "utf-8")
            argv = [*call.target, *(rendering.text(text, "settings.arguments") for text in settings.arguments)]
            read = partial(_read, max_bytes=MAX_STDOUT_BYTES) if settings.output == "stdout" else _told(context)
            stdin = pydantic_core.to_json(inputs, inf_nan_mode="constants")
            code, stdout, stderr = _guarded(call.attempt, launch(call, settings, argv, folder), stdin, read)
            if code != 0:
                sandboxed = settings.sandbox is not None
                said = rendering.masked(stderr.decode(errors="replace").strip())
                raise command_failed(call.target, code, said, sandboxed=sandboxed, image=settings.image)
            body = stdout if folder is None or settings.output == "stdout" else _file(folder, settings.output)
        output = decoded(body, "output") if settings.format == "json" else body.decode(errors="replace")
        check_schema(output, call.output_schema, BadOutput, "output")
        return Answer(body.strip() if settings.format == "json" else encoded(output, "output"))


def _with_container(entry: Mapping[str, Any], location: str) -> dict[str, Any]:
    """What the entry of a command in a container needs: it runs only where there are containers."""
    given = declared(Resources, entry["resources"], location) if "resources" in entry else Resources(cpus=1.0)
    return given.model_copy(update={"custom": {**given.custom, CONTAINERS: 1.0}}).model_dump()


def _container_health(image: str) -> str:
    program = working_program()
    if program is None:
        raise UnknownTarget("no program here runs containers: neither podman nor docker answers", "settings", INSTALL)
    there = "" if has_image(program, image) else " (not here yet: the first attempt pulls it)"
    return f"{program}, image {image}{there}"


def stop_command(attempt: AttemptId) -> None:
    """End the command of an attempt that runs in this process; does nothing if there is none. Thread-safe."""
    if (alive := _RUNNING.get(attempt)) is not None:
        alive.close()  # the guard kills all its processes


def _file(folder: str, name: str) -> bytes:
    """What the command wrote. A link is not followed: it may point to what the command itself may not read."""
    try:
        file = os.open(Path(folder, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        fix = f"write the output to the file '{name}' in the working folder, or print it and leave settings.output out"
        raise BadOutput(f"'{name}': {error.strerror}", "output", fix) from None
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise BadOutput(f"'{name}' is not a file", "output", "write a regular file")
    with os.fdopen(file, "rb") as stream:
        return _read(stream, MAX_STDOUT_BYTES)


def _told(context: Context) -> Callable[[IO[bytes]], bytes]:
    """Reads stdout as progress; nothing of it is the output."""

    def read(stream: IO[bytes]) -> bytes:
        tell_lines(stream, context.progress)
        return b""

    return read


def _guarded(
    attempt: AttemptId, start: Launch, stdin: bytes, read: Callable[[IO[bytes]], bytes]
) -> tuple[int, bytes, bytes]:
    """Run the command under its guard: the exit code, what ``read`` makes of stdout, and the last bytes of stderr."""
    # Only this process holds the writing end, and nothing is ever written: the guard reads end-of-file when it dies.
    reading, writing = os.pipe()
    after = [str(len(start.afterwards)), *start.afterwards]
    command = [sys.executable, "-I", "-S", _PROCESS_GUARD, str(reading), *after, *start.argv]
    with (
        os.fdopen(reading),
        os.fdopen(writing, "wb") as alive,
        ThreadPoolExecutor(2) as pool,
        subprocess.Popen(  # noqa: S603 - running declared commands is the purpose; no shell is involved
            command, stdin=PIPE, stdout=PIPE, stderr=PIPE, pass_fds=(reading,), cwd=start.folder, env=start.environment
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        _RUNNING[attempt] = alive
        pool.submit(_write, process.stdin, stdin)
        stderr = pool.submit(_last_bytes, process.stderr, _TAIL_BYTES)
        try:
            stdout = read(process.stdout)
        except BadOutput:
            alive.close()  # the guard kills all its processes, which ends the threads too
            raise
        finally:
            del _RUNNING[attempt]
        return process.wait(), stdout, stderr.result()


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
    """Read stderr to its end, for the log of the attempt, and return the last bytes."""
    assert isinstance(stream, BufferedReader)
    capture, decoder = current_capture(), getincrementaldecoder("utf-8")(errors="replace")
    last = b""
    while chunk := stream.read1(_CHUNK_BYTES):
        last = (last + chunk)[-max_bytes:]
        if capture is not None:
            capture.write(LogStream.STDERR, decoder.decode(chunk))
    return last


KIND: Kind = CommandKind()
