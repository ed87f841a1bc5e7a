"""Captures attempts in the process that runs them, as their invocation asks for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from actors.environment import declared_variables
from actors.invocation import Invocation
from actors.logs.attempt_capture import AttemptCapture
from actors.logs.current import capturing, listening
from actors.logs.raw_output import RawOutput
from actors.logs.ring import Ring
from actors.masking import Mask
from reconciler.views.logs import LogBatch


@dataclass(frozen=True, slots=True)
class Captures:
    """How a process captures its attempts.

    ``ring``: keeps a copy of the lines that outlives the process. ``on_line``: called when an attempt has a new line.
    ``raw``: in a process that runs one attempt at a time, its descriptors; all that is printed belongs to the attempt.
    """

    ring: Ring | None = None
    on_line: Callable[[AttemptCapture], None] | None = None
    raw: RawOutput | None = None


class Captured:
    """What `captured` yields: the lines of the attempt, once it has ended."""

    def __init__(self) -> None:
        self.lines: tuple[LogBatch, ...] = ()


@contextmanager
def captured(call: Invocation, how: Captures) -> Iterator[Captured]:
    """Capture what the context prints, logs and tells, as far as the invocation asks for it."""
    found = Captured()
    if call.logs is None:
        yield found
        return
    alone = how.ring if how.raw is not None else None
    if alone is not None:
        alone.begin(call.attempt)
    capture = AttemptCapture(call.attempt, call.logs, ring=how.ring, on_line=how.on_line, masked=mask_of(call.env))
    try:
        with listening(capture) if call.logs.told_only else _all_of_it(capture, how.raw):
            yield found
    finally:
        last = capture.close()
        found.lines = () if last is None else (last,)
        if alone is not None:
            alone.end()


@contextmanager
def _all_of_it(capture: AttemptCapture, raw: RawOutput | None) -> Iterator[None]:
    with capturing(capture, process_wide=raw is not None):
        if raw is None:
            yield
            return
        raw.begin(capture)
        try:
            yield
        finally:
            raw.end()


def mask_of(env: tuple[str, ...]) -> Callable[[str], str] | None:
    """Replaces what an agent must not tell: the values of its declared variables. None: there are none."""
    variables = declared_variables(env) if env else {}
    return Mask.of(variables).text if variables else None
