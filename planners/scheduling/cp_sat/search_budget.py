"""How long a search goes on: by CP-SAT's deterministic time, so that the same question has the same answer.

A time limit is what planning may take on an idle core. It is turned into deterministic work; the wall clock is only a
guard far above it, and a search that the guard ends is not repeatable.
"""

from collections.abc import Callable
from time import perf_counter

from ortools.sat.python import cp_model

from planners.scheduling.cancellation import CancellationToken

# A second of CP-SAT's deterministic time takes 2 to 5 s of an idle core on these models.
SECONDS = 5.0
# What a busy or slow machine may take before it is cut short: so many times the limit, or so many seconds more.
_GUARD, _GUARD_S = 3.0, 5.0


class SearchBudget:
    """What a search of ``time_limit_s`` on an idle core may spend, counted the same on every machine."""

    def __init__(
        self, time_limit_s: float, seed: int, stop: CancellationToken | None, clock: Callable[[], float] = perf_counter
    ) -> None:
        self.time_limit_s = time_limit_s
        self._seed = seed % (1 << 31)
        self._stop = stop or CancellationToken()
        self._clock = clock
        self._until = clock() + max(_GUARD * time_limit_s, time_limit_s + _GUARD_S)

    @property
    def over(self) -> bool:
        """Whether it was stopped from outside, or the guard's time has come."""
        return self._stop.pulled or self._clock() >= self._until

    def solver(
        self, deterministic: float, workers: int = 1, *, portfolio: bool = False, conflicts: int | None = None
    ) -> cp_model.CpSolver:
        """A solver for so much deterministic time (and so many conflicts).

        One search on its own proves small questions soonest; a portfolio in turns improves large ones. Probing,
        symmetries and linear relaxations cost more than they bring: groups have taken most symmetry away and the energy
        of steps is in the model.
        """
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = workers if portfolio else 1
        # In turns: the same result for any number of threads.
        solver.parameters.interleave_search = portfolio
        solver.parameters.random_seed = self._seed
        solver.parameters.max_deterministic_time = deterministic
        if conflicts is not None:
            solver.parameters.max_number_of_conflicts = conflicts
        solver.parameters.max_time_in_seconds = max(0.01, self._until - self._clock())
        solver.parameters.linearization_level = 0
        solver.parameters.cp_model_probing_level = 0
        solver.parameters.symmetry_level = 0
        return solver

    def solve(
        self,
        solver: cp_model.CpSolver,
        model: cp_model.CpModel,
        listener: cp_model.CpSolverSolutionCallback | None = None,
    ) -> cp_model.CpSolverStatus:
        """Run a solver until it is done or stopped."""

        def look(_bound: float) -> None:
            # Where the switch was pulled just before the search began, there was nothing yet to be stopped.
            if self._stop.pulled:
                solver.stop_search()

        solver.best_bound_callback = look
        with self._stop.calling(solver.stop_search):
            return cp_model.UNKNOWN if self.over else solver.solve(model, listener)
