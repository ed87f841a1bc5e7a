"""The gate's appraisal of one guessed step, carried unchanged from its decision to the learner's ledger."""

from typing import Any

from pydantic import Field

from planners.model import Model

# Names under which releases before `Appraisal` stored these values, flat beside others.
_FLAT = ("claimed", "probability", "saved_s", "own_s", "cost_usd")


class Appraisal(Model):
    """What the gate expected of running a step before a plan confirms it."""

    claimed: float = Field(ge=0, le=1, description="The planner's own probability that the work survives")
    probability: float = Field(ge=0, le=1, description="P, the same after calibration")
    saved_s: float = Field(
        default=0.0,
        ge=0,
        description="L, seconds by which the run ends earlier if the work survives, including what the step enables",
    )
    own_s: float = Field(
        default=0.0,
        ge=0,
        description="The part of L that no other step claims too, so that sums along a path count nothing twice",
    )
    cost_usd: float = Field(
        default=0.0, ge=0, description="C, what a wrong guess loses: dollars, and node-seconds at their price"
    )
    risked_s: float = Field(default=0.0, ge=0, description="Agent-seconds that a wrong guess uses at most")
    risked_usd: float = Field(default=0.0, ge=0, description="Dollars that its provider charges for them")


def nest_appraisal(given: Any) -> Any:
    """Move flat fields of stored rows into ``appraisal``; for use as a pydantic before-validator.

    Without a probability the row belongs to work that was not speculated on and gets no appraisal.
    """
    if not isinstance(given, dict) or given.keys().isdisjoint(_FLAT):
        return given
    flat = {name: given[name] for name in _FLAT if given.get(name) is not None}
    nested = {name: value for name, value in given.items() if name not in _FLAT}
    either = flat.get("probability", flat.get("claimed"))
    if nested.get("appraisal") is None and either is not None:
        nested["appraisal"] = {"claimed": either, "probability": either, **flat}
    return nested
