"""What is known of a failed attempt besides its message: where, by which exceptions, on which inputs."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, JsonValue

from planners.model import AgentName, AttemptId, Model, NodeId, StepId, Versioned
from reconciler.state.stored_text import StorableText

_BRIEF_MESSAGE = 300


class Frame(Model):
    """A line of code. ``code`` is its text, as far as the source was found; ``file`` is a path on the node."""

    file: StorableText = Field(description="Path on the node")
    line: int = Field(ge=0, description="Line number")
    function: StorableText = Field(default="", description="The function that the line belongs to")
    code: StorableText = Field(default="", description="The line's text, where the source was found")

    @property
    def where(self) -> str:
        """``bad.py:9 in summarise``."""
        name = self.file.replace("\\", "/").rpartition("/")[2]
        return f"{name}:{self.line}" + (f" in {self.function}" if self.function else "")


class RaisedException(Model):
    """One exception of a chain, and the line of the user's code that it came from."""

    error_type: StorableText = Field(description="The name of the exception's class")
    message: StorableText = Field(default="", description="Its message")
    frame: Frame | None = Field(default=None, description="The line of the user's code that it came from")

    @property
    def said(self) -> str:
        """Its type and message, as Python prints them."""
        return f"{self.error_type}: {self.message}" if self.message else self.error_type


class FailureEvidence(Versioned):
    """What is known of a failed attempt. Texts are bounded, and secrets in them are masked."""

    step: StepId | None = Field(default=None, description="The step that the attempt served")
    agent: AgentName | None = Field(default=None, description="The agent that failed")
    node: NodeId | None = Field(default=None, description="The node it ran on")
    attempt: AttemptId | None = Field(default=None, description="The failed attempt")
    frame: Frame | None = Field(
        default=None,
        description="The user's own code where it failed: the innermost line that does not belong to Forerun, "
        "Ray, the standard library or an installed package. For a wrong input or output: where the "
        "agent is defined",
    )
    exceptions: tuple[RaisedException, ...] = Field(
        default=(), description="Those of the agent, the root cause first; the last one ended the attempt"
    )
    traceback: StorableText = Field(
        default="",
        description="As Python prints it, from the agent's own code on; of a dead or blocked process, its stack",
    )
    inputs: dict[str, JsonValue] | None = Field(default=None, description="What the agent was given, shortened")
    exit_code: int | None = Field(
        default=None,
        description="Of a command, or of a process that died; 128 and the number of the signal if one ended it. "
        "None where it is not known",
    )
    stderr: StorableText = Field(default="", description="The last lines that the command or the dead process wrote")
    tries: int | None = Field(default=None, description="How many tries the work had used up")

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
