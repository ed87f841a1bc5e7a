"""What a step declares about time, failures and repetition. All of it is optional."""

from pydantic import Field

from planners.expressions.checks import Check
from planners.model import Model
from planners.node_fields import optional_s
from planners.policies import Hedge, StepRetry


class StepPolicies(Model):
    """The part of a step that says what happens when it is late or fails."""

    timeout_s: float | None = optional_s("Seconds of one attempt, in place of what the agent declares")
    deadline_s: float | None = optional_s("When it must have finished, in seconds from the task's admission")
    retry: StepRetry | None = Field(
        default=None,
        exclude_if=lambda retry: retry is None,
        description="How the work is retried, in place of what its agent declares",
    )
    check: Check | None = Field(
        default=None,
        exclude_if=lambda check: check is None,
        description="A condition over $output. An output that does not fulfil it is a failure, and the agent is told",
    )
    cache: bool | None = Field(
        default=None,
        exclude_if=lambda cache: cache is None,
        description="false: the result cache neither answers nor keeps its work",
    )
    hedge: bool | Hedge | None = Field(
        default=None,
        exclude_if=lambda hedge: hedge is None,
        description="When a second attempt starts beside one that is late; false: never",
    )
