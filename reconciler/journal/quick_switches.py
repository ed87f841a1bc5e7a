"""While an admission waits for the disk, threads get the interpreter back sooner: the journal's needs it at each step.

All the time, that would cost throughput: while a large plan is made, handled and carried out, three threads would take
turns 10,000 times a second.
"""

import sys
import threading
from concurrent.futures import Future

QUICK_S = 0.0001
_ROUNDING_S = 1e-6  # the interpreter counts microseconds


class QuickSwitches:
    """Shortens the interpreter's switch interval while any of some futures is not done. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way = 0
        self._before_s = QUICK_S

    def until(self, done: "Future[None]") -> None:
        """Switch quickly until the future is done."""
        with self._lock:
            self._under_way += 1
            if self._under_way == 1:
                self._before_s = sys.getswitchinterval()
                sys.setswitchinterval(min(self._before_s, QUICK_S))
        done.add_done_callback(self._end)

    def _end(self, _: "Future[None]") -> None:
        with self._lock:
            self._under_way -= 1
            # Unless somebody else has set it meanwhile.
            if self._under_way == 0 and abs(sys.getswitchinterval() - QUICK_S) < _ROUNDING_S:
                sys.setswitchinterval(self._before_s)
