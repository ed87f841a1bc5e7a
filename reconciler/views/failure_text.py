"""A failure as lines of text for the terminal and for exceptions: the root cause first, then what to do."""

import json
import signal
from collections.abc import Iterator

from reconciler.state.evidence import FailureEvidence
from reconciler.state.handoff import Failure

_MOST_TRACEBACK_LINES = 25
_MOST_STDERR_LINES = 15
_MOST_INPUTS = 600


def failure_lines(failure: Failure, *, full: bool = True) -> list[str]:
    """The failure in lines; those after the first are indented.

    Args:
        failure: of a task or an attempt.
        full: with traceback and stderr.
    """
    evidence = failure.evidence or FailureEvidence()
    lines = [*_cause(evidence), *_circumstances(evidence)]
    if failure.fix:
        lines.append(f"fix: {failure.fix}")
    if full and evidence.stderr:
        lines += _block("last lines of stderr", evidence.stderr, _MOST_STDERR_LINES)
    if full and evidence.traceback:
        lines += _block("traceback", evidence.traceback, _MOST_TRACEBACK_LINES)
    return [failure.message, *(f"  {line}" for line in lines)]


def _circumstances(evidence: FailureEvidence) -> Iterator[str]:
    names = {
        "step": evidence.step,
        "agent": evidence.agent,
        "node": evidence.node and evidence.node[:12],
        "attempt": evidence.attempt,
    }
    if known := [f"{name} {value}" for name, value in names.items() if value]:
        yield f"on: {', '.join(known)}"
    if evidence.inputs:
        text = json.dumps(evidence.inputs, ensure_ascii=False)
        yield f"inputs: {text if len(text) <= _MOST_INPUTS else text[:_MOST_INPUTS] + '...'}"
    if evidence.exit_code is not None:
        yield f"exit code: {evidence.exit_code}{_signal(evidence.exit_code)}"


def _signal(exit_code: int) -> str:
    """`` (SIGSEGV)`` where a signal has ended the process."""
    try:
        return f" ({signal.Signals(exit_code - 128).name})"
    except ValueError:
        return ""


def _cause(evidence: FailureEvidence) -> Iterator[str]:
    """Where it began and what followed from it, one exception a line."""
    if len(evidence.exceptions) > 1:
        for index, raised in enumerate(evidence.exceptions):
            where = "" if raised.frame is None else f" at {raised.frame.where}"
            yield f"{'cause' if index == 0 else 'then'}: {_first_line(raised.said)}{where}"
    if evidence.frame is not None:
        code = f": {evidence.frame.code}" if evidence.frame.code else ""
        yield f"at: {evidence.frame.where}{code}"


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def _block(title: str, text: str, most: int) -> Iterator[str]:
    lines = text.splitlines()
    yield f"{title}:" if len(lines) <= most else f"{title} (the last {most} of {len(lines)} lines):"
    yield from (f"  {line}" for line in lines[-most:])
