"""Settings of the learner: memory bounds and the training interval."""

from pydantic import Field

from planners.model import Model


class LearningSettings(Model):
    """``train_every`` counts new outcomes between two rounds of training; the other fields bound memory.

    ``window`` and ``reservoir`` bound the outcomes kept for training (`OutcomeSample`), ``kinds`` the kinds of task
    and ``agents`` the agents with statistics of their own.
    """

    window: int = Field(default=8_000, ge=1)
    reservoir: int = Field(default=8_000, ge=1)
    train_every: int = Field(default=500, ge=1)
    kinds: int = Field(default=500, ge=1)
    agents: int = Field(default=5_000, ge=1)
    seed: int = 0
