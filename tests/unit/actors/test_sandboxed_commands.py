"""Sandboxed commands: what they get, what they are stopped at, and that nothing of them survives."""

import os
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from http_counterpart import http_counterpart
from invocations import invocation_of

from actors.catalog import parse_catalog
from actors.errors import InvalidCatalog
from actors.executor.execution import run_in_process
from actors.invocation import Ended, Invocation
from actors.kinds.command_agent import stop_command
from actors.kinds.sandbox import lacks
from planners.agents import AgentSpec
from reconciler.state.handoff import Failure, FailureKind

PYTHON = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else "python3"
sandbox = pytest.mark.skipif(lacks() is not None, reason=f"no sandbox here: {lacks()}")


def declared(*target: str, **settings: Any) -> AgentSpec:
    entry = {"name": "runs", "capability": "run", "kind": "command", "target": list(target), "settings": settings}
    return parse_catalog({"agents": [entry]}).agents[0]


def invocation(agent: AgentSpec, **inputs: Any) -> Invocation:
    return invocation_of(agent, inputs)


def ended(*target: str, inputs: dict[str, Any] | None = None, **settings: Any) -> Ended:
    return run_in_process(invocation(declared(*target, **settings), **(inputs or {})), ()).ended


def output(*target: str, inputs: dict[str, Any] | None = None, **settings: Any) -> Any:
    end = ended(*target, inputs=inputs, **settings)
    assert end.handoff is not None, end.failure
    return end.handoff.output


def failure(*target: str, **settings: Any) -> Failure:
    end = ended(*target, **{"sandbox": {}, **settings})
    assert end.failure is not None, end.handoff
    return end.failure


def test_arguments_and_files_are_made_of_the_inputs():
    got = output(
        "sh",
        "-c",
        'echo "$1"; cat question.txt',
        "sh",
        arguments=["{{ a }}; echo no"],
        files={"question.txt": "{{ b.c }}?"},
        format="text",
        inputs={"a": "x y", "b": {"c": 7}},
    )

    assert got == "x y; echo no\n7?"


def test_the_output_may_be_a_file():
    assert output("sh", "-c", "echo noise; echo '[1, 2]' > out.json", output="out.json") == [1, 2]


def test_the_working_folder_is_empty_at_first_and_gone_afterwards():
    folder = output("sh", "-c", "ls; pwd", output="stdout", format="text", files={}, sandbox={}).strip()

    assert "\n" not in folder
    assert not Path(folder).exists()


@pytest.mark.parametrize("made", ["true", "ln -s /etc/passwd out.json", "mkfifo out.json", "mkdir out.json"])
def test_an_output_that_is_no_file_of_the_command_is_refused(made: str):
    got = ended("sh", "-c", made, output="out.json").failure

    assert got is not None
    assert got.kind is FailureKind.BAD_OUTPUT
    assert "out.json" in got.message
    assert got.fix


@sandbox
def test_a_sandboxed_command_runs():
    script = "import json, sys; print(len(json.load(sys.stdin)['text']))"

    assert output(PYTHON, "-c", script, sandbox={}, inputs={"text": "abc"}) == 3


@sandbox
def test_it_reads_and_writes_nothing_outside_its_folder_but_what_is_allowed(tmp_path: Path):
    secret = tmp_path / "secret"
    secret.write_text('"told"')

    assert f"{secret}: Permission denied" in failure("cat", str(secret)).message
    assert "denied" in failure("sh", "-c", f"echo x > {tmp_path}/new").message.lower()
    assert output("cat", str(secret), sandbox={"readable": [str(secret)]}) == "told"
    assert output("sh", "-c", f"echo 1 | tee {tmp_path}/new", sandbox={"writable": [str(tmp_path)]}) == 1


@sandbox
def test_it_connects_nowhere_but_where_it_may():
    with http_counterpart() as server:
        server.answers["/"] = (200, {}, {"got": "it"})
        port = server.url.rpartition(":")[2]
        script = f"import urllib.request as r; print(r.urlopen('{server.url}/', timeout=20).read().decode())"

        assert "Permission denied" in failure(PYTHON, "-c", script).message
        assert output(PYTHON, "-c", script, sandbox={"network": [f"127.0.0.1:{port}"]}) == {"got": "it"}


@sandbox
def test_it_forks_no_more_processes_than_it_may():
    script = "import os\nfor _ in range(1000):\n    if os.fork() == 0: os.read(os.pipe()[0], 1)"

    got = failure(PYTHON, "-c", script, sandbox={"processes": 20})

    assert "Resource temporarily unavailable" in got.message
    assert "settings.sandbox" in got.fix


@sandbox
def test_it_is_killed_at_its_limit_of_memory_and_told_so():
    got = failure(PYTHON, "-c", "x = b'x' * 2 * 1024**3", sandbox={"memory_bytes": 256 * 1024**2})

    assert "memory" in got.message.lower()


LEAVES = (
    "import os, sys, time\nif os.fork() == 0:\n    os.setsid()\n    os.fork()\n    {0}\n    time.sleep({1})\nprint(1)"
)
STAYS = (
    "import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "if os.fork() == 0: os.setsid()\ntime.sleep({0})"
)
CLOSES = "[os.close(fd) for fd in (0, 1, 2)]"


@pytest.mark.parametrize("settings", [{}, pytest.param({"sandbox": {}}, marks=sandbox)])
def test_daemons_that_it_leaves_behind_die_with_it(settings: dict[str, Any]):
    mark = f"{time.monotonic_ns() / 1e9:.9f}"

    assert output(PYTHON, "-c", LEAVES.format(CLOSES, mark), **settings) == 1

    assert not running(mark)


@pytest.mark.parametrize("settings", [{}, pytest.param({"sandbox": {}}, marks=sandbox)])
def test_one_that_ignores_sigterm_dies_when_it_is_cancelled_with_all_its_daemons(settings: dict[str, Any]):
    mark = f"{time.monotonic_ns() / 1e9:.9f}"
    script = STAYS.format(mark)
    call = invocation(declared(PYTHON, "-c", script, **settings))
    thread = threading.Thread(target=run_in_process, args=(call, ()))
    thread.start()
    deadline_s = time.monotonic() + 60
    while len(running(mark)) < 2 and time.monotonic() < deadline_s:
        threading.Event().wait(0.01)

    stop_command(call.attempt)
    thread.join(60)

    assert not thread.is_alive()
    assert not running(mark)


def running(mark: str) -> list[int]:
    """Processes of python whose script holds the mark, without the guard and the launcher."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        arguments = process.info["cmdline"] or []
        if arguments[:2] == [PYTHON, "-c"] and mark in arguments[2] and process.pid != os.getpid():
            found.append(process.pid)
    return found


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"files": {"../x": "y"}}, "settings"),
        ({"output": "a/b"}, "settings"),
        ({"arguments": ["{{ x"]}, "settings.arguments.0"),
        ({"sandbox": {"readable": ["here"]}}, "settings.sandbox"),
        ({"sandbox": {"network": ["example.com"]}}, "settings.sandbox"),
        ({"sandbox": {"memory": 1}}, "settings.sandbox.memory"),
    ],
)
def test_a_mistake_in_the_catalog_is_named_with_its_fix(settings: dict[str, Any], field: str):
    with pytest.raises(InvalidCatalog) as caught:
        declared("true", **settings)

    assert caught.value.field == f"agents.0.{field}"
    assert caught.value.fix
