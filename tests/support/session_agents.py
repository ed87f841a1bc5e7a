"""Sync agents that tell in which Ray task and process they run."""

import os
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
