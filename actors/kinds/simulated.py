"""An agent that only takes time: for benchmarks and rehearsals. Whoever uses it says so."""

import asyncio
import math
import random
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from actors.context import Context

_Z90 = 1.2815515655446004  # the 90 % quantile of the standard normal distribution


class SimulatedFailure(Exception):
    """The failure that settings asked for."""


class Simulation(BaseModel):
    """The settings of a simulated agent.

    Either ``duration_s``, or a lognormal by its 50 % and 90 % quantiles. What is drawn depends only on the work key and
    ``seed``: the same work takes as long in every mode of a comparison. ``output`` None echoes the inputs.
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
        """Seconds of one attempt: exp(N(ln p50, (ln p90 - ln p50) / z90))."""
        if self.p50_s is None or self.p90_s is None:
            return self.duration_s or 0.0
        return draw.lognormvariate(math.log(self.p50_s), math.log(self.p90_s / self.p50_s) / _Z90)


async def simulated(context: Context, **inputs: Any) -> Any:
    """Sleep as long as the settings say, then return what they say.

    Raises:
        SimulatedFailure: as often as ``failure_rate`` says.
    """
    settings = Simulation.model_validate(context.settings)
    draw = random.Random(f"{settings.seed}:{context.work_key}")
    seconds = settings.drawn_s(draw)
    await asyncio.sleep(seconds)
    if draw.random() < settings.failure_rate:
        raise SimulatedFailure(f"simulated, after {seconds:.3f} s")
    return inputs if settings.output is None else settings.output
