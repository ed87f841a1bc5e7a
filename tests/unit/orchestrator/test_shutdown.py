"""Signals shut the service down, and shutting down cannot hang."""

import os
import signal
import sys
import threading
from types import ModuleType

import pytest

from orchestrator.cli import main
from orchestrator.cli.exit_codes import ExitCode
from orchestrator.cli.shutdown import shutdown_signals, stopped_within


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_requests_shutdown_and_a_second_one_interrupts(asked):
    before = signal.getsignal(asked)

    with shutdown_signals() as (requested, _install):
        os.kill(os.getpid(), asked)
        assert requested.wait(5)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(asked)

    assert signal.getsignal(asked) is before


def test_handlers_of_others_can_be_replaced_again():
    with shutdown_signals() as (requested, install):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        install()
        os.kill(os.getpid(), signal.SIGTERM)
        assert requested.wait(5)


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
