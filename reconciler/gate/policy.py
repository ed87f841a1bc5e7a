"""What the operator allows, and where a run stands with respect to it."""

from pydantic import Field

from planners.model import Model, StepId


class GatePolicy(Model):
    """The operator's bounds on speculation, for one run at a time. None means unlimited.

    ``idle_price`` is what a second of work ahead of the plan costs even where nobody else wants the node, as a fraction
    of the task's value of time, once for steps side by side: without it a guess on an idle cluster is free and every
    long shot is taken. ``node_usd_per_s`` is what a second of delay of other people's confirmed work costs.
    ``min_saved_s`` is what a dispatch itself costs; a guess that saves less is not tried. ``hysteresis`` is the share
    of its worth that a refused candidate must gain on top before it is taken after all. ``probe_attempts`` bounds the
    unconfirmed attempts of a run whose kind is throttled below ``probe_below``: enough to learn whether guesses are
    worth it again.
    """

    max_attempts: int | None = Field(default=256, ge=0)
    max_usd: float | None = Field(default=None, ge=0)
    max_agent_s: float | None = Field(default=None, ge=0)
    idle_price: float = Field(default=0.1, ge=0)
    node_usd_per_s: float = Field(default=0.001, ge=0)
    min_saved_s: float = Field(default=0.002, ge=0)
    hysteresis: float = Field(default=0.1, ge=0, lt=1)
    probe_attempts: int = Field(default=1, ge=0)
    probe_below: float = Field(default=0.5, ge=0, le=1)


class GateState(Model):
    """The unconfirmed work of a run when the gate is asked, what its tenant has left, and what was refused before.

    ``refused`` holds the steps whose last refusal was one of price; ``throttle`` scales P, below 1 while the guesses of
    this kind of task survive less often than promised; ``closed`` is the kill-switch.
    """

    attempts: int = Field(default=0, ge=0)
    usd: float = Field(default=0.0, ge=0)
    agent_s: float = Field(default=0.0, ge=0)
    tenant_attempts_left: int | None = None
    tenant_usd_left: float | None = None
    tenant_agent_s_left: float | None = None
    refused: frozenset[StepId] = frozenset()
    throttle: float = Field(default=1.0, ge=0, le=1)
    closed: bool = False
