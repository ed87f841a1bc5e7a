"""How fan-outs end: whether they have succeeded, and apart from that, why they are complete."""

from enum import StrEnum

from pydantic import Field

from planners.model import Model, StepId


class CompletionReason(StrEnum):
    """Why a fan-out is complete."""

    ALL_COMPLETED = "all_completed"
    MIN_SUCCESSFUL_REACHED = "min_successful_reached"
    CONDITION_REACHED = "condition_reached"
    CONDITION_FAILED = "condition_failed"
    FAILURE_TOLERANCE_EXCEEDED = "failure_tolerance_exceeded"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


class ElementStatus(StrEnum):
    """Where an element of a fan-out is. ``skipped``: it has ended without an output."""

    OPEN = "open"
    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    FAILED = "failed"


# What is told of an element without a result that counts.
MISSING = {
    ElementStatus.OPEN: "it was cancelled",
    ElementStatus.SKIPPED: "it was skipped",
    ElementStatus.FAILED: "it failed",
    ElementStatus.SUCCEEDED: "it ended later",
}


class Completion(Model):
    """How a fan-out ended: whether it has succeeded, and apart from that, why it is complete.

    ``missing``: what has become of the elements without a result, for the first of them.
    """

    fan_out: StepId = Field(description="The id of the fan-out")
    succeeded: bool = Field(description="Whether the fan-out has succeeded")
    reason: CompletionReason = Field(description="Why it is complete")
    at_s: float = Field(description="When, in seconds from admission")
    total: int = Field(description="Number of elements")
    results: int = Field(description="Elements with a result")
    missing: dict[int, str] = Field(
        default_factory=dict,
        description="What has become of the elements without a result, by their number, for the first of them",
    )
