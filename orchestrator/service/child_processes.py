"""The processes below this one: whether one runs, and the end of all of them."""

import time
from contextlib import suppress

import psutil

_GONE_S, _LOOK_S = 5.0, 0.02


def end_children() -> None:
    """End all processes below this one: a Ray that is still starting cannot be shut down by its own means.

    One that ends may just have started another, so this looks again until there is none, for 5 s at most.
    """
    until_s = time.monotonic() + _GONE_S
    while time.monotonic() < until_s:
        left = [child for child in psutil.Process().children(recursive=True) if runs(child)]
        if not left:
            return
        for child in left:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        time.sleep(_LOOK_S)  # psutil.wait_procs would also wait for zombies, which nobody may collect


def runs(process: psutil.Process) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
