"""What is noticed about agents: effects they do not declare, and code that blocks the loop they share."""

import asyncio
import logging
import socket
import sys
import tempfile
import time
from pathlib import Path

import pytest

from actors.agent import agent
from actors.executor.execution import run_async, run_in_process
from actors.invocation import Invocation
from actors.logs.limits import LogLimits
from forerun import run
from planners.agents import AgentKind
from reconciler.state.handoff import Handoff
from reconciler.views.logs import LogLevel, LogStream
from reconciler.views.progress import NOTICE


@pytest.fixture
def noticed(caplog, monkeypatch, tmp_path):
    """Runs an agent alone and returns what was logged about it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(_made(tmp_path / "work"))

    def notices(function, times=1, **inputs):
        steps = [{"id": f"s{number}", "capability": function.__name__, "inputs": inputs} for number in range(times)]
        with caplog.at_level(logging.WARNING, "actors.executor.notice_log"):
            run({"workflow": {"steps": steps}}, [function])
        return [record.getMessage() for record in caplog.records if record.name == "actors.executor.notice_log"]

    return notices


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _connects() -> str:
    with socket.socket() as found:
        found.connect_ex(("127.0.0.1", 9))
    return "tried"


def test_an_agent_without_an_effect_that_opens_a_socket_is_named_once(noticed):
    def connects(number: int = 0) -> str:
        return _connects()

    (notice,) = noticed(connects, times=3)

    assert notice.startswith("agent 'connects' declares no effect, so it counts as pure and may run speculatively, but")
    assert "it opens a socket (('127.0.0.1', 9))" in notice
    assert "declare effect: idempotent" in notice


def test_an_agent_may_be_the_first_that_asks_for_the_folder_of_temporary_files(noticed, monkeypatch):
    """Python looks for it behind a lock, by opening files there."""

    found: list[str] = []

    def asks() -> str:
        tempfile.tempdir = None
        found.append(tempfile.gettempdir())
        return found[0]

    monkeypatch.setattr(tempfile, "tempdir", tempfile.gettempdir())
    noticed(asks)

    assert len(found) == 1


def test_async_agents_are_watched_too(noticed):
    async def connects() -> str:
        await asyncio.sleep(0)
        return _connects()

    assert len(noticed(connects)) == 1


def test_an_agent_that_writes_outside_its_folder_is_named_with_the_file(noticed, tmp_path):
    outside = tmp_path / "outside.txt"

    def writes() -> str:
        outside.write_text("x")
        return "written"

    (notice,) = noticed(writes)

    assert f"writes a file outside its folder ({outside})" in notice


def test_reading_and_writing_inside_the_folder_is_nothing_to_notice(noticed, tmp_path):
    (tmp_path / "readable").write_text("x")

    def works() -> str:
        Path("inside.txt").write_text("x")
        return (tmp_path / "readable").read_text()

    assert noticed(works) == []


def test_an_agent_that_declares_its_effect_is_not_watched(noticed):
    @agent("connects", effect="pure")
    def connects() -> str:
        return _connects()

    assert noticed(connects) == []


def test_an_agent_that_proposes_without_declaring_it_is_named(noticed):
    async def suggests() -> Handoff:
        return Handoff(output=1, next={"goal": "go on"})

    @agent("concludes", effect="pure")
    def concludes() -> Handoff:
        return Handoff(output=1, next={"goal": "go on"})

    (notice,) = noticed(suggests)
    assert notice.startswith(
        "agent 'suggests' proposes what is to be done `next`, but that is not run; declare proposes"
    )
    assert len(noticed(concludes)) == 2


def test_code_that_holds_the_loop_is_named_with_file_and_line(noticed):
    async def blocks() -> str:
        until = time.monotonic() + 3.0
        while time.monotonic() < until:
            time.sleep(0.01)  # noqa: ASYNC251 -- what is to be noticed
        return "late"

    (notice,) = noticed(blocks)

    line = blocks.__code__.co_firstlineno
    assert "agent 'blocks' has held the event loop that it shares for more than 0.5 s at" in notice
    assert any(f"{__file__}:{number};" in notice for number in range(line, line + 5))


def test_an_agent_that_waits_is_no_agent_that_blocks(noticed):
    async def waits() -> str:
        await asyncio.sleep(1.5)
        return "waited"

    assert noticed(waits) == []


def test_code_of_an_agent_is_found_on_the_stack_but_not_the_import_of_its_module(monkeypatch, tmp_path):
    """The first attempt of an agent imports it for all."""
    looks = "attempt_on(sys._getframe())"
    imports = "import sys\nfrom actors.executor.loop_watch import attempt_on\n"
    body = f"{imports}found = [{looks}]\nasync def looks() -> None:\n    found.append({looks})\n"
    (tmp_path / "module_of_an_agent.py").write_text(body)
    monkeypatch.syspath_prepend(tmp_path)
    call = Invocation("t", "t.1", "looks", AgentKind.ASYNC, "module_of_an_agent:looks", "k", {})

    result = asyncio.run(run_async(call, ()))
    at_import, (attempt, where) = sys.modules["module_of_an_agent"].found

    assert result.ended.failure is None
    assert at_import is None
    assert (attempt, where) == (call, f"{tmp_path / 'module_of_an_agent.py'}:5")


def fails_connecting() -> str:
    raise ValueError(_connects())


def test_what_is_noticed_is_a_line_of_the_log_of_the_attempt_even_if_it_fails():
    call = Invocation(
        task="t",
        attempt="t.1",
        agent="fails",
        kind=AgentKind.SYNC,
        target="test_notices:fails_connecting",
        work_key="k",
        inputs={},
        logs=LogLimits(),
        watched=True,
    )
    sys.modules.setdefault("test_notices", sys.modules[__name__])

    ended = run_in_process(call, ()).ended

    (line,) = [line for batch in ended.logs for line in batch.lines() if line.logger == NOTICE]
    assert ended.failure is not None
    assert (line.level, line.stream) == (LogLevel.WARNING, LogStream.FORERUN)
    assert "it opens a socket" in line.text
