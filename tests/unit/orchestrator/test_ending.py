"""The service ends when it is asked to, and stopping cannot hang."""

import os
import signal
import threading

import pytest

from orchestrator.cli.shutdown import ended_by_signal, stopped_within


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_asks_for_the_end_and_a_second_one_interrupts(asked):
    before = signal.getsignal(asked)

    with ended_by_signal() as (ended, _listen):
        os.kill(os.getpid(), asked)
        assert ended.wait(5)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(asked)

    assert signal.getsignal(asked) is before


def test_handlers_that_others_put_in_place_are_replaced_again():
    with ended_by_signal() as (ended, listen):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        listen()
        os.kill(os.getpid(), signal.SIGTERM)
        assert ended.wait(5)


def test_a_stop_that_hangs_is_given_up():
    forever = threading.Event()

    assert not stopped_within(forever.wait, 0.01)
    assert stopped_within(lambda: None, 5)
    forever.set()


def test_what_stopping_raises_is_not_lost():
    def failing():
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        stopped_within(failing, 5)
