"""The search budget, counted in CP-SAT's deterministic time so that equal requests have equal results.

A time limit states what planning may take on an idle core. It is converted to deterministic work. The wall clock only
guards against a much slower machine; a search that it ends is not repeatable.
"""

from collections.abc import Callable
from time import perf_counter

from ortools.sat.python import cp_model

from planners.scheduling.cancellation import CancellationToken

# A unit of CP-SAT's deterministic time takes 2 to 5 s of an idle core on these models.
SECONDS_PER_UNIT = 5.0
# The wall-clock guard: this many times the time limit, or this many seconds more.
_GUARD, _GUARD_S = 3.0, 5.0


class SearchBudget:
    """What a search of ``time_limit_s`` on an idle core may spend, counted the same on every machine."""

    def __init__(
        self,
        time_limit_s: float,
        seed: int,
        cancellation: CancellationToken | None,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self.time_limit_s = time_limit_s
        self._seed = seed % (1 << 31)
        self._cancellation = cancellation or CancellationToken()
        self._clock = clock
        self._guard_ends = clock() + max(_GUARD * time_limit_s, time_limit_s + _GUARD_S)

    @property
    def exhausted(self) -> bool:
        """Whether the search was cancelled or the wall-clock guard has ended it."""
        return self._cancellation.cancelled or self._clock() >= self._guard_ends

    def new_solver(
        self, deterministic: float, workers: int = 1, *, portfolio: bool = False, conflicts: int | None = None
    ) -> cp_model.CpSolver:
        """A solver limited to this deterministic time (and number of conflicts).

        A single search proves small problems fastest; a portfolio, interleaved, improves large ones. Probing, symmetry
        detection and linear relaxations cost more than they gain: node groups have removed most symmetries, and the
        model has energy constraints.
        """
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = workers if portfolio else 1
        # Interleaved: the same result for any number of threads.
        solver.parameters.interleave_search = portfolio
        solver.parameters.random_seed = self._seed
        solver.parameters.max_deterministic_time = deterministic
        if conflicts is not None:
            solver.parameters.max_number_of_conflicts = conflicts
        solver.parameters.max_time_in_seconds = max(0.01, self._guard_ends - self._clock())
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
        """Run a solver until it ends or is cancelled."""

        def check(_bound: float) -> None:
            # A cancellation just before the search starts finds no search to stop yet.
            if self._cancellation.cancelled:
                solver.stop_search()

        solver.best_bound_callback = check
        with self._cancellation.on_cancel(solver.stop_search):
            return cp_model.UNKNOWN if self.exhausted else solver.solve(model, listener)
