"""Shutdown of the service: signals that request it, and a timeout so that it cannot hang."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def shutdown_signals(reload: threading.Event | None = None) -> Iterator[tuple[threading.Event, Callable[[], None]]]:
    """An event that Ctrl-C, SIGTERM and SIGHUP set, and a function that installs the handlers again.

    A second signal raises KeyboardInterrupt. With ``reload``, SIGHUP sets that event instead.
    """
    requested = threading.Event()

    def on_signal(number: int, _frame: Any) -> None:
        if number == signal.SIGHUP and reload is not None:
            reload.set()
            return
        if requested.is_set():
            signal.signal(number, signal.SIG_DFL)
            raise KeyboardInterrupt
        requested.set()

    def install() -> None:
        for number in _SIGNALS:
            signal.signal(number, on_signal)

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    install()
    try:
        yield requested, install
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stopped_within(stop: Callable[[], None], seconds: float) -> bool:
    """Call ``stop``; whether it returned in time.

    If a signal was sent to the whole process group (as systemd does), Ray's processes are already gone, and calls to
    them time out after a minute.

    Raises:
        Exception: what ``stop`` raised.
    """
    raised: list[Exception] = []

    def run() -> None:
        try:
            stop()
        except Exception as error:  # noqa: BLE001 handed to the caller's thread
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True, name="forerun-stop")
    thread.start()
    thread.join(seconds)
    if raised:
        raise raised[0]
    return not thread.is_alive()
