"""Shutdown of the service: signals that request it, and a timeout so that it cannot hang."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Ray takes 2 s to start; without an answer, much longer.
_RAY_S = 5.0


class StartInterrupted(KeyboardInterrupt):
    """A signal has ended the service before it was ready; nothing of it is left but this process."""


class ShutdownSignals:
    """Handles Ctrl-C, SIGTERM and SIGHUP, each of which sets ``requested``.

    While the service starts, nobody looks at that event: each signal raises KeyboardInterrupt, too, but while Ray
    starts: see `connecting`. Once the service runs, only a second one does. With ``reload``, SIGHUP sets that event
    instead.
    """

    def __init__(self, reload: threading.Event | None = None) -> None:
        self.requested = threading.Event()
        self._reload = reload
        self._runs = False
        self._patience_s: float | None = None

    def install(self) -> None:
        """Install the handlers, also in place of Ray's: those end the process, or let it abort after 3 s."""
        for number in _SIGNALS:
            signal.signal(number, self._on_signal)

    @contextmanager
    def connecting(self, patience_s: float = _RAY_S) -> Iterator[None]:
        """While this process becomes a driver of Ray: a first signal interrupts afterwards, or in so many seconds.

        An exception that a handler raises between two calls of Ray's C++ code lets it destroy what its threads still
        use, which can block this process for ever. Ray replaces the handlers, so they are installed again in the end.

        Raises:
            KeyboardInterrupt: of a signal.
        """
        before = signal.signal(signal.SIGALRM, _interrupt)
        self._patience_s = patience_s
        try:
            yield
        finally:
            self._patience_s = None
            if self.requested.is_set():
                signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, before)
            self.install()
        if self.requested.is_set():
            raise KeyboardInterrupt

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
        if self._patience_s is not None:
            signal.setitimer(signal.ITIMER_REAL, self._patience_s)
        elif not self._runs:
            raise KeyboardInterrupt


def _interrupt(_number: int, _frame: Any) -> None:
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
