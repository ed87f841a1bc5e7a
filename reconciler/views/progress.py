"""What attempts tell of their progress while they run, and the recorded facts about it."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pydantic import Field

from planners.model import AttemptId, Versioned
from reconciler.views.logs import CapturedLine, LogStream

PROGRESSED, SHOWN, NOTICED = "attempt_progressed", "artefact_shown", "agent_noticed"
# The logger of lines in which the service says what it has noticed about an agent.
NOTICE = "notice"
_MOST_CHARS = 300
_MOST_ARTEFACTS = 100


class AttemptProgress(Versioned):
    """What an attempt has told of its progress last."""

    at_s: float = Field(description="When, in seconds from admission")
    message: str = Field(default="", description="What is being done")
    done: float | None = Field(default=None, description="The share that is done, 0 to 1, if the agent knows it")
    artefacts: tuple[str, ...] = Field(
        default=(), description="Names of the results that it has shown; the events have their contents"
    )
    notices: tuple[str, ...] = Field(
        default=(), description="What was noticed about its agent: effects that it does not declare, blocking code"
    )


class ProgressFact(NamedTuple):
    """One recorded fact: its kind and data."""

    kind: str
    attempt: AttemptId
    data: dict[str, Any]


def fact_of(attempt: AttemptId, step: str, line: CapturedLine) -> ProgressFact:
    """The fact that a line of progress or an artefact becomes."""
    known = {"attempt": attempt, "step": step}
    if line.stream is LogStream.ARTEFACT:
        return ProgressFact(SHOWN, attempt, {**known, "name": line.logger, "content": line.text})
    if line.stream is LogStream.FORERUN:
        return ProgressFact(NOTICED, attempt, {**known, "text": line.text})
    return ProgressFact(PROGRESSED, attempt, {**known, "message": line.text[:_MOST_CHARS], "done": line.done})


def progress_after(
    before: Mapping[AttemptId, AttemptProgress], facts: Iterable[tuple[float, str, Mapping[str, Any]]]
) -> dict[AttemptId, AttemptProgress]:
    """The progress of attempts after facts (at_s, kind, data), which may be of any kind."""
    known = dict(before)
    for at_s, kind, data in facts:
        if kind not in (PROGRESSED, SHOWN, NOTICED):
            continue
        attempt = AttemptId(data["attempt"])
        last = known.get(attempt, AttemptProgress(at_s=at_s))
        change: dict[str, Any] = {"message": data.get("message", ""), "done": data.get("done")}
        if kind == SHOWN:
            change = {"artefacts": (*last.artefacts, data["name"])[-_MOST_ARTEFACTS:]}
        elif kind == NOTICED:
            change = {"notices": (*last.notices, data["text"])}
        known[attempt] = last.model_copy(update={"at_s": at_s, **change})
    return known


def notices_of(progress: Mapping[AttemptId, AttemptProgress]) -> tuple[str, ...]:
    """What was noticed about the agents of a run, each thing once."""
    return tuple(dict.fromkeys(notice for told in progress.values() for notice in told.notices))
