"""How much time a guess has left, and how many steps can be scheduled in it."""

from collections.abc import Callable

from planners.scheduling.kernel.compilation import LOADER
from planners.workflow import FlatWorkflow

# So many steps are always scheduled, however late it is: that takes about 5 ms, and fewer are hardly a guess.
_MIN_STEPS = 32
# Prior of the seconds that list scheduling takes per step (measured: 0.16 ms at 100 steps on a busy core).
_STEP_S = 0.0002


class SchedulingSpeed:
    """Seconds that list scheduling takes per step on this machine: a moving average."""

    def __init__(self) -> None:
        self.step_s = _STEP_S

    def observe(self, took_s: float, steps: int) -> None:
        """Update the average; small workflows say more of the constant cost than of the cost per step."""
        if steps > _MIN_STEPS:
            self.step_s = (self.step_s + took_s / steps) / 2


class TimeBudget:
    """The time of one guess, which begins when this is made."""

    def __init__(self, budget_s: float, clock: Callable[[], float], speed: SchedulingSpeed) -> None:
        self._budget_s = budget_s
        self._clock = clock
        self._speed = speed
        self._began_s = clock()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the guess began."""
        return max(0.0, self._clock() - self._began_s)

    @property
    def half_spent(self) -> bool:
        """Whether more than half of the budget is gone."""
        return self.elapsed_s > self._budget_s / 2

    @property
    def steps_left(self) -> int:
        """How many steps can be scheduled in the rest of the budget; at least 32."""
        return max(_MIN_STEPS, int((self._budget_s - self.elapsed_s) / self._speed.step_s))

    def affordable(self, flat: FlatWorkflow) -> FlatWorkflow:
        """The first steps, in topological order, that can be scheduled in time; the whole workflow if all can."""
        room = self.steps_left
        if room >= len(flat.steps):
            return flat
        LOADER.want()  # in time for more steps of the next one
        return flat.model_copy(update={"steps": flat.steps[:room], "outputs": {}})
