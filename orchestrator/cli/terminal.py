"""Keeps the terminal of `forerun up` free of what libraries print: that goes to the service's own log."""

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from orchestrator.cli.output import console

# A process that was left behind may still hold the writing end.
_JOIN_S = 1.0
_STREAMS = (1, "stdout"), (2, "stderr")


@contextmanager
def own_terminal() -> Iterator[TextIO]:
    """Print what this command prints to the terminal, and log what others write to stdout and stderr.

    Ray and Serve report there what is normal at every start and end. Yields the terminal's standard error.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    kept = [os.dup(number) for number, _ in _STREAMS]
    readers = [_redirected(number, name) for number, name in _STREAMS]
    before = console.file
    with os.fdopen(os.dup(kept[0]), "w", buffering=1) as out, os.fdopen(os.dup(kept[1]), "w", buffering=1) as err:
        console.file = out
        try:
            yield err
        finally:
            console.file = before
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError, ValueError):
                    stream.flush()
            for (number, _), descriptor in zip(_STREAMS, kept, strict=True):
                os.dup2(descriptor, number)
                os.close(descriptor)
            for reader in readers:
                reader.join(_JOIN_S)


def _redirected(number: int, name: str) -> threading.Thread:
    reading, writing = os.pipe()
    os.dup2(writing, number)
    os.close(writing)
    reader = threading.Thread(target=_log_lines, args=(reading, name), daemon=True, name=f"forerun-{name}")
    reader.start()
    return reader


def _log_lines(reading: int, name: str) -> None:
    log = logging.getLogger(f"orchestrator.{name}")
    with os.fdopen(reading, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if text := line.strip():
                log.info("%s", text)
