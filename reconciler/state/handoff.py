"""What an agent returns, and what its failure is: data, never an exception that crosses a process."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, JsonValue

from planners.model import Model, Versioned


def storable(text: str) -> str:
    """The text with its lone surrogates escaped: neither JSON nor a database can hold them."""
    return text.encode("utf-8", "backslashreplace").decode()


StorableText = Annotated[str, AfterValidator(storable)]


class Handoff(Versioned):
    """The end of a successful attempt.

    A small output travels in ``output``; one over the size limit stays in the object store (``by_reference``), where
    downstream agents read it and the run's driver never does.
    """

    summary: StorableText = ""
    confidence: float = Field(default=1.0, ge=0, le=1)
    output: JsonValue = None
    by_reference: bool = False
    output_bytes: int = Field(default=0, ge=0)
    next: JsonValue = None


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


_FINAL = frozenset({FailureKind.BAD_INPUT, FailureKind.CANCELLED, FailureKind.LIMIT, FailureKind.PLANNING})


class Failure(Versioned):
    """Why something failed: what kind, in one sentence, and the type of the error behind it."""

    kind: FailureKind
    message: StorableText
    error_type: StorableText = ""
    fix: StorableText = ""

    @property
    def retryable(self) -> bool:
        """Whether the same agent may be tried again."""
        return self.kind not in _FINAL


class Usage(Model):
    """What an attempt used: seconds of running, dollars."""

    seconds: float = Field(default=0.0, ge=0)
    usd: float = Field(default=0.0, ge=0)
