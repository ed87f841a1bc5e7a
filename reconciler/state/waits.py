"""Attempts that a run itself plays: they wait until a moment, for a person's answer, or for a message from outside.

Nothing is dispatched for them. They end by time that passes or by an answer, both of which are events of the run, so a
replay waits and ends as the run did.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from planners.bindings import Value, follow
from planners.built_in_names import APPROVAL, CALLBACK, WAIT
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state import reports
from reconciler.state.attempts import Attempt
from reconciler.state.giving_up import UNBEGUN
from reconciler.state.handoff import Failure, FailureKind, Handoff
from reconciler.state.judgements import of_answer
from reconciler.state.run_data import RunData

_LONGEST_S = 1e9
# Heartbeats that follow each other closely are not all recorded, so each may count from an eighth of the limit earlier.
_GRACE = 1.125


def begin(run: RunData, attempt: Attempt, inputs: Mapping[str, c.Source]) -> None:
    """An attempt begins to wait."""
    waits_s = attempt.step.timeout_s
    if attempt.placement.agent == WAIT:
        seconds = _value(run, inputs["seconds"])
        waits_s = seconds if _is_pause(seconds) else 0.0
        if not _is_pause(seconds):
            run.waits.unknown.add(attempt.id)
    if attempt.step.id in run.waits.early:
        waits_s = 0.0
    if waits_s is not None:
        _wake(run, attempt, run.at_s + waits_s)
    if (heartbeat_s := heartbeat_limit_s(attempt)) is not None:
        _wake(run, attempt, run.at_s + _GRACE * heartbeat_s)


def heartbeat_limit_s(attempt: Attempt) -> float | None:
    """The longest pause between two heartbeats that the attempt of a callback allows."""
    limit = attempt.step.inputs.get("heartbeat_s") if attempt.placement.agent == CALLBACK else None
    return float(limit.value) if isinstance(limit, Value) and isinstance(limit.value, int | float) else None


def _wake(run: RunData, attempt: Attempt, at_s: float) -> None:
    run.waits.add(attempt.id, at_s)
    run.commands.append(c.WakeAt(at_s=at_s))


def heard(run: RunData, attempt: Attempt) -> None:
    """A heartbeat has come."""
    if attempt.live:
        run.waits.heard_s[attempt.id] = run.at_s


def answered_early(run: RunData, event: e.AnsweredEarly) -> None:
    """A message has come for a callback that has not begun; the first one counts."""
    state = run.steps.get(event.step)
    if not run.ending and (state is None or state.status in UNBEGUN):
        run.waits.early.setdefault(event.step, event)


def end_due(run: RunData) -> None:
    """End the waiting that is over."""
    for identity in run.waits.take_due(run.at_s):
        attempt = run.attempts[identity]
        if attempt.live and not run.status.ended:
            _expire(run, attempt)


def answered(run: RunData, attempt: Attempt, event: e.StepAnswered) -> None:
    """Somebody has answered. An attempt that waits for nobody, or not any more, takes no answer."""
    if not (attempt.live and run.asks_somebody(attempt)):
        return
    if attempt.placement.agent != APPROVAL:
        _finish(run, attempt, event.output, f"answered by {event.by}" if event.by else "answered")
    else:
        run.learn(of_answer(run, attempt, event))
        _decide(run, attempt, event, approved=event.approved)


def _expire(run: RunData, attempt: Attempt) -> None:
    if attempt.placement.agent == WAIT:
        seconds = run.at_s - attempt.dispatched_s
        if attempt.id in run.waits.unknown:
            _fail(
                run, attempt, Failure(kind=FailureKind.BAD_INPUT, message="wait needs a number of seconds, 0 or more")
            )
        else:
            _finish(run, attempt, None, f"waited {seconds:g} s")
        return
    if attempt.placement.agent == CALLBACK:
        _expire_callback(run, attempt)
        return
    on_expiry, output = _on_expiry(attempt)
    if on_expiry == "fail":
        message = f"nobody answered within {attempt.step.timeout_s:g} s"
        _fail(run, attempt, Failure(kind=FailureKind.TIMEOUT, message=message, fix="raise timeout_s, or set on_expiry"))
        return
    told = "nobody answered in time"
    expired = e.StepAnswered(at_s=run.at_s, attempt=attempt.id, by="", comment=told, output=output)
    _decide(run, attempt, expired, approved=on_expiry == "approve")


def _expire_callback(run: RunData, attempt: Attempt) -> None:
    if (early := run.waits.early.pop(attempt.step.id, None)) is not None:
        _finish(run, attempt, early.output, f"answered by {early.by}" if early.by else "answered")
        return
    timeout_s, heartbeat_s = attempt.step.timeout_s, heartbeat_limit_s(attempt)
    if timeout_s is not None and attempt.dispatched_s + timeout_s <= run.at_s:
        told, fix = f"nobody answered within {timeout_s:g} s", "raise timeout_s, or set on_expiry"
    else:
        assert heartbeat_s is not None
        due_s = run.waits.heard_s.get(attempt.id, attempt.dispatched_s) + _GRACE * heartbeat_s
        if due_s > run.at_s:
            _wake(run, attempt, due_s)
            return
        told, fix = f"no heartbeat came within {heartbeat_s:g} s", "raise heartbeat_s, or set on_expiry"
    on_expiry = attempt.step.inputs.get("on_expiry")
    if isinstance(on_expiry, Value) and isinstance(on_expiry.value, dict):
        _finish(run, attempt, on_expiry.value.get("output"), f"{told}: the default answer stands")
    else:
        _fail(run, attempt, Failure(kind=FailureKind.TIMEOUT, message=told, fix=fix))


def _decide(run: RunData, attempt: Attempt, answer: e.StepAnswered, *, approved: bool) -> None:
    by = f" by {answer.by}" if answer.by else ""
    told = f"{'approved' if approved else 'rejected'}{by}" + (f": {answer.comment}" if answer.comment else "")
    if not approved and _term(attempt, "on_rejection") == "fail":
        _fail(run, attempt, Failure(kind=FailureKind.REJECTED, message=told))
        return
    output = {"approved": approved, "by": answer.by, "comment": answer.comment, "answer": answer.output}
    _finish(run, attempt, output, told)


def _finish(run: RunData, attempt: Attempt, output: Any, summary: str) -> None:
    run.commands.append(c.Restore(attempt=attempt.id, output=output))
    handoff, seconds = Handoff(output=output, summary=summary), run.at_s - attempt.dispatched_s
    reports.finished(
        run, attempt, e.AttemptFinished(at_s=run.at_s, attempt=attempt.id, handoff=handoff, seconds=seconds)
    )


def _fail(run: RunData, attempt: Attempt, failure: Failure) -> None:
    seconds = run.at_s - attempt.dispatched_s
    reports.failed(run, attempt, e.AttemptFailed(at_s=run.at_s, attempt=attempt.id, failure=failure, seconds=seconds))


def _term(attempt: Attempt, name: str) -> str:
    declared = attempt.step.inputs.get(name)
    return str(declared.value) if isinstance(declared, Value) else "fail"


def _on_expiry(attempt: Attempt) -> tuple[str, JsonValue]:
    """What happens if nobody answers, and with which answer."""
    match attempt.step.inputs.get("on_expiry"):
        case Value(value={"output": output}):
            return "approve", output
        case _:
            return _term(attempt, "on_expiry"), None


def _value(run: RunData, source: c.Source) -> Any:
    """The value of a source, where the run knows it."""
    if isinstance(source, c.Given):
        return source.value
    if isinstance(source, c.OutputOf) and (handoff := run.attempts[source.attempt].handoff) is not None:
        try:
            return follow(handoff.output, source.path)
        except LookupError:
            return None
    return None


def _is_pause(seconds: Any) -> bool:
    return isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds <= _LONGEST_S
