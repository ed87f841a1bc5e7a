"""The demo stops the service that it has started, however it is ended."""

import os
import signal
import subprocess
import sys
import time

import pytest

from examples.comparison.service import ended_by_signals

GUARD_S = 60.0
# The service prints its process id in place of a URL.
SERVICE = "import json, os, time; print(json.dumps({'url': str(os.getpid())}), flush=True); time.sleep(600)"
DEMO = f"""
import sys, time
from examples.comparison import service
service._FORERUN = [sys.executable, "-c", {SERVICE!r}]
with service.service([], {{}}) as url:
    print(url, flush=True)
    time.sleep(600)
"""


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_service_too(number):
    command = [sys.executable, "-c", DEMO]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as demo:  # noqa: S603 our own
        assert demo.stdout is not None
        service = int(demo.stdout.readline())
        demo.send_signal(number)
        demo.wait(GUARD_S)

    until_s = time.monotonic() + GUARD_S
    while runs(service) and time.monotonic() < until_s:
        time.sleep(0.05)
    assert not runs(service)


def test_a_second_signal_does_not_interrupt_cleaning_up():
    cleaned = []

    def interrupted():
        with ended_by_signals():
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                signal.raise_signal(signal.SIGTERM)
                cleaned.append(True)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught:
        interrupted()

    assert caught.value.code == 128 + signal.SIGTERM
    assert cleaned == [True]
    assert signal.getsignal(signal.SIGTERM) is before
