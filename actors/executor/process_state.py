"""Undoes what an agent has changed of its process, which may run other attempts, also of other agents, after it."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def process_restored() -> Iterator[None]:
    """Afterwards the working directory and the environment are what they were, and no alarm is pending."""
    # As bytes: decoding them takes as long again.
    folder, variables = _folder(), dict(os.environb)
    try:
        yield
    finally:
        if dict(os.environb) != variables:
            os.environb.clear()
            os.environb.update(variables)
        if folder is not None and _folder() != folder:
            with suppress(OSError):
                os.chdir(folder)
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def _folder() -> Path | None:
    with suppress(OSError):  # it was removed
        return Path.cwd()
    return None
