"""What has happened to a run that decides how its workflow is unrolled, apart from the outputs of steps."""

from pydantic import Field, JsonValue

from planners.bindings import Binding
from planners.decompositions import Decomposition
from planners.model import Model, StepId, WorkKey
from planners.occurrences import Ranges
from planners.proposals import Proposal
from planners.steps import Step


class Elements(Model):
    """What has become of the elements of a fan-out.

    Attributes:
        dropped: element -> why it does not run any more: it has failed, or the fan-out is complete without it.
        kept: the elements whose outputs count, in order; None while the fan-out is not complete. An element that is
            neither kept nor dropped then runs to its end, because something irreversible has begun in it.
        failed: why the fan-out itself has failed, so that no element counts.
    """

    dropped: dict[int, str] = Field(default_factory=dict)
    kept: tuple[int, ...] | None = None
    failed: str | None = None


class ResumedLoop(Model):
    """A loop whose first turns have finished, so that they are not unrolled any more."""

    turn: int = Field(ge=1, description="The first turn to unroll")
    state: dict[str, Binding] = Field(
        default_factory=dict, description="What each part of `$state` stands for in that turn, except `$state.turn`"
    )
    output: Binding | None = Field(
        default=None, description="What the output of the turn before stands for; null if it was skipped"
    )
    skipped: str = Field(default="", description="Why it was")
    context: dict[str, Binding] = Field(
        default_factory=dict,
        exclude_if=lambda context: not context,
        description="What the keys of the context stand for that its turns have written",
    )


class FinishedStep(Model):
    """A step of a finished turn whose output is still read. ``step`` has no parents: they are not planned any more."""

    step: Step
    work_key: WorkKey


class Facts(Model):
    """See the module.

    Attributes:
        given_up: step -> why it was given up: it failed for good, and the workflow goes on.
        fan_outs: those with elements that were dropped, or that are complete without all of their elements.
        loops: those with turns that have finished.
        finished: the steps of finished turns that the loops still read.
        repeats: the numbers of work in finished turns that may come again: the work key of its first occurrence -> the
            numbers of those in finished turns.
        confidences: step -> the confidence of its handoff, where a condition may read it and it is less than 1.
        proposals: step -> what it has proposed.
        spoken: step -> what its handoff says besides the output (`planners.context_keys.spoken`), where that is said.
        decompositions: the goals that were decomposed for earlier plans.
        reverts: ``try`` that has failed -> the steps that undo what was done in it, in order.
        reverted: the finished steps that these read.
        undo: the steps that undo what the task has done, in order. The plan then holds these and ``finished``, and
            nothing else.
    """

    given_up: dict[StepId, str] = Field(default_factory=dict)
    fan_outs: dict[StepId, Elements] = Field(default_factory=dict)
    loops: dict[StepId, ResumedLoop] = Field(default_factory=dict)
    finished: dict[StepId, FinishedStep] = Field(default_factory=dict)
    repeats: dict[WorkKey, Ranges] = Field(default_factory=dict)
    undo: tuple[Step, ...] = Field(default=(), exclude_if=lambda undo: not undo)
    confidences: dict[StepId, float] = Field(default_factory=dict)
    proposals: dict[StepId, Proposal] = Field(default_factory=dict)
    spoken: dict[StepId, dict[str, JsonValue]] = Field(default_factory=dict, exclude_if=lambda spoken: not spoken)
    decompositions: tuple[Decomposition, ...] = ()
    reverts: dict[StepId, tuple[Step, ...]] = Field(default_factory=dict)
    reverted: dict[StepId, FinishedStep] = Field(default_factory=dict)
