"""How the service ends: signals that ask for it, and a stop that cannot hang."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ended_by_signal() -> Iterator[tuple[threading.Event, Callable[[], None]]]:
    """An event that Ctrl-C, SIGTERM and SIGHUP set, and a way to listen anew. A second signal interrupts."""
    ended = threading.Event()

    def on_signal(number: int, _frame: Any) -> None:
        if ended.is_set():
            signal.signal(number, signal.SIG_DFL)
            raise KeyboardInterrupt
        ended.set()

    def listen() -> None:
        for number in _ENDING:
            signal.signal(number, on_signal)

    before = {number: signal.getsignal(number) for number in _ENDING}
    listen()
    try:
        yield ended, listen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stopped_within(stop: Callable[[], None], seconds: float) -> bool:
    """Whether ``stop`` came to its end in time.

    Where a signal went to the whole process group (systemd does so), Ray's own processes are gone before we are, and
    asking them anything waits for a minute.

    Raises:
        Exception: what ``stop`` raised.
    """
    raised: list[Exception] = []

    def stopping() -> None:
        try:
            stop()
        except Exception as error:  # noqa: BLE001 handed to the caller's thread
            raised.append(error)

    thread = threading.Thread(target=stopping, daemon=True, name="forerun-stop")
    thread.start()
    thread.join(seconds)
    if raised:
        raise raised[0]
    return not thread.is_alive()
