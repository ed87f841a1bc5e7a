"""Shutdown of the service: signals that request it, and a timeout so that it cannot hang."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StartInterrupted(KeyboardInterrupt):
    """A signal has ended the service before it was ready; nothing of it is left but this process."""


class ShutdownSignals:
    """Handles Ctrl-C, SIGTERM and SIGHUP, each of which sets ``requested``.

    While the service starts, nobody looks at that event: each signal raises KeyboardInterrupt, too. Once it runs, only
    a second one does. With ``reload``, SIGHUP sets that event instead.
    """

    def __init__(self, reload: threading.Event | None = None) -> None:
        self.requested = threading.Event()
        self._reload = reload
        self._runs = False

    def install(self) -> None:
        """Install the handlers, also in place of Ray's: those end the process, or let it abort after 3 s."""
        for number in _SIGNALS:
            signal.signal(number, self._on_signal)

    def service_runs(self) -> None:
        """From now on, the event is looked at."""
        self._runs = True
        self.install()

    def _on_signal(self, number: int, _frame: Any) -> None:
        if number == signal.SIGHUP and self._reload is not None:
            self._reload.set()
            return
        if self.requested.is_set():
            signal.signal(number, signal.SIG_DFL)
            raise KeyboardInterrupt
        self.requested.set()
        if not self._runs:
            raise KeyboardInterrupt


@contextmanager
def shutdown_signals(reload: threading.Event | None = None) -> Iterator[ShutdownSignals]:
    """Handles signals, and restores the handlers from before in the end."""
    signals = ShutdownSignals(reload)
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    signals.install()
    try:
        yield signals
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
