"""The context of a task: what its steps have written, version by version. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pydantic import Field, JsonValue

from planners.bindings import SPOKEN, follow
from planners.context_keys import source_path
from planners.model import AttemptId, Model, StepId, TaskId, Versioned
from planners.plans import Plan
from reconciler.state.handoff import Handoff
from reconciler.state.run import RunState
from reconciler.views.message_notes import message_notes
from reconciler.views.models import MessageNote

MOST_VERSIONS = 1_000


class ContextVersion(Model):
    """A value that a step has written under a key."""

    key: str = Field(description="The key")
    version: int = Field(ge=1, description="Its number among the versions of the key, in the order of the workflow")
    step: StepId = Field(description="The step that has written it")
    attempt: AttemptId = Field(description="The attempt of it")
    at_s: float | None = Field(default=None, description="When, in seconds from admission")
    staged: bool = Field(default=False, description="No plan of authority has confirmed the attempt yet")
    value: JsonValue = Field(default=None, description="The value; null where it is large, and stays with the output")
    in_output: bool = Field(default=False, description="Whether it is so large; the output of the step holds it")


class ContextView(Versioned):
    """What the steps of a task have written to its context, at most a thousand versions, and their messages."""

    task: TaskId = Field(description="The task's id")
    versions: tuple[ContextVersion, ...] = Field(
        default=(), description="In the order of the workflow; of each key the last one that a step follows is read"
    )
    messages: tuple[MessageNote, ...] = Field(
        default=(),
        exclude_if=lambda messages: not messages,
        description="What agents have told each other, at most the last thousand messages",
    )


class Written(NamedTuple):
    """A finished attempt of a step that writes."""

    attempt: AttemptId
    handoff: Handoff
    at_s: float | None
    staged: bool


def context_of(run: RunState) -> ContextView:
    """The context of a run."""
    plan = run.whole_plan or run.guess
    written = {
        one.step.id: Written(one.id, one.handoff, one.ended_s, one.verdict is None)
        for one in run.attempts.values()
        if one.step.writes
        and one.handoff is not None
        and one.finished
        and (one.verdict is None or one.verdict.survives)
    }
    return context_view(run.id, plan, written, message_notes(run))


def context_view(
    task: TaskId, plan: Plan | None, written: Mapping[StepId, Written], messages: tuple[MessageNote, ...] = ()
) -> ContextView:
    """The versions of all keys.

    Args:
        task: the task.
        plan: its plan, or the guess.
        written: step -> its finished attempt.
        messages: what its agents have told each other.
    """
    found: list[ContextVersion] = []
    count = Counter[str]()
    for planned in () if plan is None else plan.steps:
        if planned.step.writes and (one := written.get(planned.id)) is not None:
            for key, value, known in _values(planned.step.writes.items(), one.handoff):
                count[key] += 1
                version = ContextVersion(
                    key=key,
                    version=count[key],
                    step=planned.id,
                    attempt=one.attempt,
                    at_s=one.at_s,
                    staged=one.staged,
                    value=value,
                    in_output=not known,
                )
                found.append(version)
    return ContextView(task=task, versions=tuple(found[-MOST_VERSIONS:]), messages=messages)


def _values(writes: Iterable[tuple[str, str]], handoff: Handoff) -> Iterable[tuple[str, JsonValue, bool]]:
    """(key, value, whether it is known) of what a step has written. What it does not hold is left out."""
    for key, source in writes:
        path = source_path(source)
        spoken = path[:1] in SPOKEN
        if handoff.by_reference and not spoken:
            yield key, None, False
            continue
        try:
            value: JsonValue = follow(handoff.spoken if spoken else handoff.output, path)
        except LookupError:
            continue
        yield key, value, True
