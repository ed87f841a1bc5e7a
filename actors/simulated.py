"""A simulated agent that only waits, for benchmarks and demonstrations. Anything that uses it must say so."""

import asyncio
import math
import random
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from actors.context import Context

_Z90 = 1.2815515655446004  # the 90 % quantile of the standard normal distribution


class SimulatedFailure(Exception):
    """The failure that the settings ask for."""


class SimulationSettings(BaseModel):
    """The settings of a simulated agent.

    Give either ``duration_s``, or the 50 % and 90 % quantiles of a lognormal distribution. The duration depends only on
    the work key and ``seed``, so the same work takes equally long in every mode of a comparison. Without ``output`` the
    agent returns its inputs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    duration_s: float | None = Field(default=None, ge=0)
    p50_s: float | None = Field(default=None, gt=0)
    p90_s: float | None = Field(default=None, gt=0)
    failure_rate: float = Field(default=0.0, ge=0, le=1)
    seed: int = 0
    output: JsonValue = None

    @model_validator(mode="after")
    def _one_duration(self) -> Self:
        quantiles = (self.p50_s, self.p90_s)
        if (self.duration_s is None) == (None in quantiles):
            raise ValueError("give duration_s, or p50_s and p90_s, and not both")
        if self.p50_s is not None and self.p90_s is not None and self.p90_s < self.p50_s:
            raise ValueError("p90_s is below p50_s")
        return self

    def drawn_s(self, draw: random.Random) -> float:
        """Seconds of one attempt. Lognormal: exp(N(ln p50, (ln p90 - ln p50) / z90))."""
        if self.p50_s is None or self.p90_s is None:
            return self.duration_s or 0.0
        return draw.lognormvariate(math.log(self.p50_s), math.log(self.p90_s / self.p50_s) / _Z90)


async def simulated(context: Context, **inputs: Any) -> Any:
    """Sleep for the configured duration, then return the configured output.

    Raises:
        SimulatedFailure: with probability ``failure_rate``.
    """
    settings = SimulationSettings.model_validate(context.settings)
    draw = random.Random(f"{settings.seed}:{context.work_key}")
    seconds = settings.drawn_s(draw)
    await asyncio.sleep(seconds)
    if draw.random() < settings.failure_rate:
        raise SimulatedFailure(f"simulated, after {seconds:.3f} s")
    return inputs if settings.output is None else settings.output
