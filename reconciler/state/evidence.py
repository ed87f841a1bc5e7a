"""What is known of a failed attempt besides its message: where, by which exceptions, on which inputs."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, JsonValue

from planners.model import AgentName, AttemptId, Model, NodeId, StepId, Versioned
from reconciler.state.stored_text import StorableText

_BRIEF_MESSAGE = 300


class Frame(Model):
    """A line of code. ``code`` is its text, as far as the source was found; ``file`` is a path on the node."""

    file: StorableText
    line: int = Field(ge=0)
    function: StorableText = ""
    code: StorableText = ""

    @property
    def where(self) -> str:
        """``bad.py:9 in summarise``."""
        name = self.file.replace("\\", "/").rpartition("/")[2]
        return f"{name}:{self.line}" + (f" in {self.function}" if self.function else "")


class RaisedException(Model):
    """One exception of a chain, and the line of the user's code that it came from."""

    error_type: StorableText
    message: StorableText = ""
    frame: Frame | None = None

    @property
    def said(self) -> str:
        """Its type and message, as Python prints them."""
        return f"{self.error_type}: {self.message}" if self.message else self.error_type


class FailureEvidence(Versioned):
    """What is known of a failed attempt. Texts are bounded, and secrets in them are masked.

    Attributes:
        step: the step that the attempt served.
        agent: the agent that failed.
        node: the node it ran on.
        attempt: the failed attempt.
        frame: the user's own code where it failed: the innermost line that does not belong to Forerun, Ray, the
            standard library or an installed package. For a wrong input or output: where the agent is defined.
        exceptions: those of the agent, the root cause first; the last one ended the attempt.
        traceback: as Python prints it, from the agent's own code on; of a dead or blocked process, its stack.
        inputs: what the agent was given, shortened.
        exit_code: of a command; 128 and the number of the signal if one ended it. None where it is not known.
        stderr: the last lines that the command or the dead process wrote.
        tries: how many tries the work had used up.
    """

    step: StepId | None = None
    agent: AgentName | None = None
    node: NodeId | None = None
    attempt: AttemptId | None = None
    frame: Frame | None = None
    exceptions: tuple[RaisedException, ...] = ()
    traceback: StorableText = ""
    inputs: dict[str, JsonValue] | None = None
    exit_code: int | None = None
    stderr: StorableText = ""
    tries: int | None = None

    def completed(self, known: Mapping[str, Any]) -> "FailureEvidence":
        """This evidence, with values for what it does not say."""
        missing = {name: value for name, value in known.items() if not getattr(self, name) and value is not None}
        return self.model_copy(update=missing) if missing else self

    def brief(self) -> "FailureEvidence":
        """Without what takes much room, for lists and timelines."""
        exceptions = tuple(
            raised.model_copy(update={"message": raised.message[:_BRIEF_MESSAGE]}) for raised in self.exceptions
        )
        return self.model_copy(update={"exceptions": exceptions, "traceback": "", "inputs": None, "stderr": ""})
