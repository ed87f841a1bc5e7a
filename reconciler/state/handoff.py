"""What an agent returns, and how it fails: data, never an exception that crosses a process."""

from enum import StrEnum
from typing import Any

from pydantic import Field, JsonValue

from planners.context_keys import spoken
from planners.model import Measured, Versioned
from planners.proposals import Proposal
from reconciler.state.evidence import FailureEvidence
from reconciler.state.stored_text import StorableText


class Usage(Measured):
    """What an attempt used of a metered service. ``usd``: what that cost; None: the agent's declared price applies."""

    requests: int = Field(default=1, ge=0)
    input_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)
    usd: float | None = Field(default=None, ge=0)


class Handoff(Versioned):
    """The end of a successful attempt.

    A small output travels in ``output``; one over the size limit stays in the object store (``by_reference``), where
    downstream agents read it and the run's driver never does. ``stored``: in a store that outlives nodes and restarts.
    """

    summary: StorableText = ""
    confidence: float = Field(default=1.0, ge=0, le=1)
    output: JsonValue = None
    # What it adds to the context of the task, of what its step writes.
    context: dict[str, JsonValue] = Field(default_factory=dict, exclude_if=lambda context: not context)
    by_reference: bool = False
    stored: bool = Field(default=False, exclude_if=lambda stored: not stored)
    output_bytes: int = Field(default=0, ge=0)
    next: JsonValue = None
    # What ``next`` proposes, once it has been checked; part of the journal, so a replay checks nothing again.
    proposal: Proposal | None = Field(default=None, exclude_if=lambda proposal: proposal is None)
    usage: Usage | None = None
    # It was in the result cache: nothing has run, so nothing is learned from it.
    cached: bool = Field(default=False, exclude_if=lambda cached: not cached)

    @property
    def spoken(self) -> dict[str, JsonValue]:
        """What it says besides the output; see `planners.context_keys.spoken`."""
        return spoken(self.context, self.summary, self.confidence)

    @property
    def fleeting(self) -> bool:
        """Whether the output goes with the node or the process that holds it."""
        return self.by_reference and not self.stored


class FailureKind(StrEnum):
    """Why an attempt failed; it decides what may be tried again."""

    ERROR = "error"
    BAD_INPUT = "bad_input"
    BAD_OUTPUT = "bad_output"
    TIMEOUT = "timeout"
    NODE_LOST = "node_lost"
    WORKER_LOST = "worker_lost"
    LIMIT = "limit"
    CANCELLED = "cancelled"
    PLANNING = "planning"
    REJECTED = "rejected"


_FINAL = frozenset(
    {FailureKind.BAD_INPUT, FailureKind.CANCELLED, FailureKind.LIMIT, FailureKind.PLANNING, FailureKind.REJECTED}
)

# The agent did not say how it ended: it may have acted before it was lost.
_UNCERTAIN = frozenset({FailureKind.NODE_LOST, FailureKind.WORKER_LOST, FailureKind.TIMEOUT, FailureKind.CANCELLED})


class Failure(Versioned):
    """Why something failed."""

    kind: FailureKind = Field(description="The class of failure; it decides what happens next")
    message: StorableText = Field(description="One sentence for people")
    error_type: StorableText = Field(default="", description="The type of the error behind it")
    fix: StorableText = Field(default="", description="What a user can do about it")
    counts: bool = Field(
        default=True,
        description="Whether it uses up one of the agent's tries. False where the agent is not to blame: the "
        "service was restarted, or its host died through another attempt",
    )
    never_began: bool = Field(
        default=False,
        description="The executor knows for certain that the agent's code did not run, so nothing can be in doubt",
    )
    unavailable: bool = Field(
        default=False,
        exclude_if=lambda unavailable: not unavailable,
        description="Nobody has answered, so any other attempt would fare the same now",
    )
    retry_after_s: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="The provider asked to wait so long before the next request; such a failure does not count",
    )
    evidence: FailureEvidence | None = Field(
        default=None,
        description="What is known of the attempt that failed. None where no attempt did, and in older journals",
    )

    @property
    def told(self) -> str:
        """What happened and where, in one line: ``KeyError: 'text' at bad.py:9 in summarise``."""
        evidence = self.evidence or _NO_EVIDENCE
        raised = bool(evidence.exceptions) and evidence.exceptions[-1].error_type == self.error_type
        named = self.message == self.error_type or f"{self.error_type}: " in self.message  # as in a task's failure
        said = f"{self.error_type}: {self.message}" if raised and not named else self.message
        where = "" if evidence.frame is None else evidence.frame.where
        return said if where in said else f"{said} at {where}"

    def with_evidence(self, **known: Any) -> "Failure":
        """This failure, with evidence for what its own does not say yet."""
        evidence = self.evidence or _NO_EVIDENCE
        completed = evidence.completed(known)
        return self if completed is evidence else self.model_copy(update={"evidence": completed})

    def brief(self) -> "Failure":
        """Without what takes much room, for lists and timelines."""
        return self if self.evidence is None else self.model_copy(update={"evidence": self.evidence.brief()})

    @property
    def retryable(self) -> bool:
        """Whether the same agent may be tried again."""
        return self.kind not in _FINAL

    @property
    def uncertain(self) -> bool:
        """Whether the agent may have acted all the same."""
        return self.kind in _UNCERTAIN and not self.never_began


_NO_EVIDENCE = FailureEvidence()
