"""Signals shut the service down, and shutting down cannot hang."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import nullcontext, suppress
from types import ModuleType

import pytest
from typer.testing import CliRunner

from orchestrator.cli import main, up
from orchestrator.cli.app import app
from orchestrator.cli.exit_codes import ExitCode
from orchestrator.cli.shutdown import shutdown_signals, stopped_within
from orchestrator.errors import CannotStart


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_requests_shutdown_and_a_second_one_interrupts(asked):
    before = signal.getsignal(asked)

    with shutdown_signals() as signals:
        signals.service_runs()
        os.kill(os.getpid(), asked)
        assert signals.requested.wait(5)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(asked)

    assert signal.getsignal(asked) is before


def test_handlers_of_others_can_be_replaced_again():
    with shutdown_signals() as signals:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signals.service_runs()
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.requested.wait(5)


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_interrupts_what_starts_the_service(asked):
    with shutdown_signals() as signals:
        signal.signal(asked, signal.SIG_IGN)  # as Ray replaces handlers when it connects
        signals.install()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(asked)
        assert signals.requested.is_set()


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_ray_starts_interrupts_afterwards(asked):
    """Inside of Ray, an exception between two calls can block the process for ever."""
    done = []

    def start(signals):
        with signals.connecting():
            signal.raise_signal(asked)
            signal.signal(asked, signal.SIG_IGN)  # as Ray replaces handlers
            done.append("started")

    with shutdown_signals() as signals:
        with pytest.raises(KeyboardInterrupt):
            start(signals)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(asked)
    assert done == ["started"]


def test_a_signal_while_ray_does_not_start_interrupts_in_the_end():
    def wait(signals):
        with signals.connecting(patience_s=0.01):
            signal.raise_signal(signal.SIGTERM)
            threading.Event().wait(60)
            pytest.fail("nothing has interrupted it")

    before = signal.getsignal(signal.SIGALRM)
    with shutdown_signals() as signals, pytest.raises(KeyboardInterrupt):
        wait(signals)
    assert signal.getsignal(signal.SIGALRM) is before


@pytest.fixture
def told_to_exit(monkeypatch):
    """The exit codes of `os._exit`, which ends the command here as it ends the process."""
    codes: list[int] = []

    def leave(code):
        codes.append(code)
        raise SystemExit(code)

    monkeypatch.setattr(up.os, "_exit", leave)
    # They would change the console and the log of all tests.
    monkeypatch.setattr(up, "own_terminal", nullcontext)
    monkeypatch.setattr(up, "_installed_log", lambda *_: None)
    return codes


def interrupted_by_signal(*_, **__):
    signal.raise_signal(signal.SIGINT)


def interrupted_by_the_handler_of_ray(*_, **__):
    raise SystemExit(signal.SIGTERM)


def interrupted_inside_of_ray(*_, **__):
    with suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
    raise RuntimeError("the raylet did not answer")


@pytest.mark.parametrize("start", [interrupted_by_signal, interrupted_by_the_handler_of_ray, interrupted_inside_of_ray])
def test_a_service_that_is_interrupted_while_it_starts_ends_its_processes_and_exits_with_130(
    monkeypatch, tmp_path, told_to_exit, start
):
    ended = []
    monkeypatch.setattr("orchestrator.service.wiring.start", start)
    monkeypatch.setattr(up, "end_children", lambda: ended.append(True))

    result = CliRunner().invoke(app, ["up", "--data-dir", str(tmp_path), "--port", "0"])

    assert told_to_exit == [ExitCode.INTERRUPTED]
    assert ended == [True]
    assert "stopped before it was ready" in result.stdout


def test_a_service_that_cannot_start_says_why_and_is_not_called_interrupted(monkeypatch, tmp_path, told_to_exit):
    def fails(*_, **__):
        raise CannotStart("no disk", "data_dir", "buy one")

    monkeypatch.setattr("orchestrator.service.wiring.start", fails)

    result = CliRunner().invoke(app, ["up", "--data-dir", str(tmp_path), "--port", "0"])

    assert (result.exit_code, told_to_exit) == (ExitCode.SERVICE_FAILED, [])
    assert "no disk" in result.stderr


_FAMILY = """
import subprocess, sys
import psutil
from orchestrator.service.child_processes import end_children
waits = [sys.executable, "-c", "import sys; print(1, flush=True); sys.stdin.read()"]
starts = [sys.executable, "-c", f"import subprocess; subprocess.run({waits!r})"]
with subprocess.Popen(starts, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
    child.stdout.readline()  # the grandchild runs
    family = psutil.Process().children(recursive=True)
    end_children()
    print(len(family), [one.pid for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE])
"""


def test_processes_below_this_one_are_ended_at_any_depth():
    """In a process of its own, since those of other tests may be below this one."""
    command = [sys.executable, "-c", _FAMILY]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603 - our own

    assert done.stdout.split() == ["2", "[]"]


def test_a_stop_that_hangs_times_out():
    forever = threading.Event()

    assert not stopped_within(forever.wait, 0.01)
    assert stopped_within(lambda: None, 5)
    forever.set()


def test_errors_of_stop_are_raised():
    def failing():
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        stopped_within(failing, 5)


def test_an_interrupt_while_commands_are_imported_is_exit_code_130(monkeypatch):
    class Interrupted(ModuleType):
        def __getattr__(self, name):
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "orchestrator.cli.app", Interrupted("app"))

    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == ExitCode.INTERRUPTED
