"""Captures attempts in the process that runs them, as their invocation asks for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from actors.environment import declared_variables
from actors.invocation import Invocation
from actors.logs.attempt_capture import AttemptCapture
from actors.logs.current import begin_capturing, begin_listening, end_capturing, end_listening
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
    """Captures what the context prints, logs and tells, as far as the invocation asks for it. Use it as a context.

    ``how``: None: nothing is captured here. ``lines``: those of the attempt, once it has ended.
    """

    __slots__ = ("_before", "_call", "_capture", "_how", "lines")

    def __init__(self, call: Invocation, how: Captures | None) -> None:
        self._call = call
        self._how = how
        self._capture: AttemptCapture | None = None
        self._before: AttemptCapture | None = None
        self.lines: tuple[LogBatch, ...] = ()

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def begin(self) -> None:
        """Begin to capture. Thousands of attempts wait without a context, which would keep a method of each."""
        call, how = self._call, self._how
        if call.logs is None or how is None:
            return
        if (alone := self._ring_alone) is not None:
            alone.begin(call.attempt)
        masked = mask_of(call.env)
        self._capture = AttemptCapture(call.attempt, call.logs, ring=how.ring, on_line=how.on_line, masked=masked)
        if call.logs.told_only:
            self._before = begin_listening(self._capture)
            return
        self._before = begin_capturing(self._capture, process_wide=how.raw is not None)
        if how.raw is not None:
            how.raw.begin(self._capture)

    def end(self) -> None:
        """The attempt has ended."""
        call, how = self._call, self._how
        if call.logs is None or how is None or self._capture is None:
            return
        if call.logs.told_only:
            end_listening(self._before)
        else:
            if how.raw is not None:
                how.raw.end()
            end_capturing(self._before, process_wide=how.raw is not None)
        last = self._capture.close()
        self.lines = () if last is None else (last,)
        if (alone := self._ring_alone) is not None:
            alone.end()

    @property
    def _ring_alone(self) -> Ring | None:
        how = self._how
        return None if how is None or how.raw is None else how.ring


def mask_of(env: tuple[str, ...]) -> Callable[[str], str] | None:
    """Replaces what an agent must not tell: the values of its declared variables. None: there are none."""
    variables = declared_variables(env) if env else {}
    return Mask.of(variables).text if variables else None
