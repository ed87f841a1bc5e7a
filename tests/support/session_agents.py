"""Sync agents that tell in which Ray task and process they run."""

import _thread
import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import ray

from actors.agent import agent
from planners.resources import Resources


def _here() -> tuple[str, int]:
    return str(ray.get_runtime_context().get_task_id()), os.getpid()


@agent("tell")
def tells_its_task(seconds: float = 0.0) -> tuple[str, int]:
    time.sleep(seconds)
    return _here()


@agent("tell")
def tells_its_task_too(seconds: float = 0.0) -> tuple[str, int]:
    time.sleep(seconds)
    return _here()


@agent("tell", resources=Resources(cpus=1, custom={"microscope": 1}))
def tells_when(seconds: float) -> tuple[str, float, float]:
    began = time.time()
    time.sleep(seconds)
    return _here()[0], began, time.time()


@agent("act", effect="irreversible")
def tells_its_task_of_an_act() -> tuple[str, int]:
    return _here()


@agent("wait", timeout_s=0.5)
def sleeps_too_long(mark: str) -> str:
    Path(mark).write_text(str(os.getpid()))
    time.sleep(600)
    return "never"


@agent("break")
def dies_when_idle() -> int:
    threading.Timer(0.01, os._exit, [3]).start()
    return os.getpid()


@agent("break")
def raises(kind: str) -> int:
    """Raises an exception that is none of an agent's business, if ``kind`` names one."""
    if kind:
        raise {"SystemExit": SystemExit, "KeyboardInterrupt": KeyboardInterrupt, "GeneratorExit": GeneratorExit}[kind]
    return os.getpid()


@agent("break")
def interrupts_its_process_when_idle(mark: str) -> int:
    def interrupt() -> None:
        _thread.interrupt_main()
        Path(mark).touch()

    threading.Timer(0.05, interrupt).start()
    return os.getpid()


@agent("fork")
def forks(child: str) -> tuple[int, int]:
    """Its process, and the exit code of a child that leaves the agent's code as ``child`` says."""
    if (pid := os.fork()) == 0:
        if child == "raises":
            raise ValueError("in the child")
        if child == "exits":
            sys.exit(7)
        return 0, 0
    return os.getpid(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@agent("leave")
def leaves_a_mess() -> tuple[int, str, dict[str, str], bool]:
    """Its process, folder and environment, and whether an alarm is pending, before it changes all of that."""
    before, variables, pending = str(Path.cwd()), dict(os.environ), signal.getitimer(signal.ITIMER_REAL)[0] > 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
    os.environ["OMP_LEFT"] = "1"
    os.environ.pop("PATH", None)
    signal.setitimer(signal.ITIMER_REAL, 600.0)
    return os.getpid(), before, variables, pending


@agent("make")
def makes_what_is_no_json() -> object:
    return threading.Lock()


@agent("wait")
def tells_its_process_and_waits(mark: str, seconds: float = 600.0) -> int:
    Path(mark).write_text(str(os.getpid()))
    time.sleep(seconds)
    return os.getpid()


@agent("act", effect="irreversible")
def acts(mark: str) -> int:
    with Path(mark).open("a") as file:
        file.write("acted\n")
    return os.getpid()
