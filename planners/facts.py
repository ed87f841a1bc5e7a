"""What has happened to a run that decides how its workflow is unrolled, apart from the outputs of steps."""

from pydantic import Field

from planners.model import Model, StepId


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


class Facts(Model):
    """See the module.

    Attributes:
        given_up: step -> why it was given up: it failed for good, and the workflow goes on.
        fan_outs: those with elements that were dropped, or that are complete without all of their elements.
    """

    given_up: dict[StepId, str] = Field(default_factory=dict)
    fan_outs: dict[StepId, Elements] = Field(default_factory=dict)
