"""The operator's limits on speculation, and how much of them a run has used."""

from dataclasses import dataclass

from pydantic import Field

from planners.model import Model, StepId


class GatePolicy(Model):
    """The operator's limits on speculation in one run. None means unlimited.

    Caps count everything that no plan has confirmed, finished attempts included.

    Attributes:
        max_attempts: unconfirmed attempts.
        max_usd: dollars of unconfirmed work, wasted dollars included. A task's own budget is for its plan, and guesses
            never cost more than that budget on top of it.
        max_agent_s: agent-seconds of unconfirmed attempts.
        idle_price: the price of a second of speculative work on an idle node, as a fraction of the task's value of
            time; charged once for parallel steps. Without it guesses on an idle cluster would be free and every
            unlikely one would be accepted.
        node_usd_per_s: the price of delaying confirmed work of others by a second.
        min_saved_s: the cost of a dispatch in seconds; a guess that saves less is refused.
        hysteresis: how much more than its charge, as a share, a refused candidate must gain to be accepted later.
        probe_attempts: the cap on unconfirmed attempts of a run whose kind is throttled below ``probe_below``: enough
            to learn whether guesses work again.
        probe_below: see ``probe_attempts``.
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


@dataclass(frozen=True, slots=True)
class GateState:
    """The unconfirmed work of a run, what remains of its tenant's quota, and what was refused before.

    ``refused`` holds the steps that were last refused for their price. ``throttle`` scales P; it is below 1 while
    guesses at this kind of task survive less often than predicted. ``closed`` is the kill-switch.
    """

    attempts: int = 0
    usd: float = 0.0
    agent_s: float = 0.0
    tenant_attempts_left: int | None = None
    tenant_usd_left: float | None = None
    tenant_agent_s_left: float | None = None
    refused: frozenset[StepId] = frozenset()
    throttle: float = 1.0
    closed: bool = False
