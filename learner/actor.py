"""The Ray actor around a learner: takes outcomes in, trains in a thread of its own, hands snapshots out."""

import os
import threading
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import ray
from threadpoolctl import threadpool_limits

from learner.learner import Learner, LearnerStatus, LearningSettings
from learner.online.ledger import LedgerView
from learner.predictor import PlanExample, ToolText, TrainedPlanPredictor
from learner.registry import Manifest, Registry
from learner.snapshot import Snapshot
from reconciler.state.outcomes import Outcome

# Calls at once: a slow status must not hold up a snapshot. They take turns at the lock, and none holds it for long.
_CALLS = 8
_RESTORE_CHUNK = 1_000
# More than a shard brings from the journal, so that what it brings twice is known to be the same.
_TOLD_APART = 100_000
_TRAINING_NICE = 15


def create(
    name: str = "forerun-learner",
    *,
    settings: LearningSettings | None = None,
    folder: Path | None = None,
    tools: Any = (),
) -> Any:
    """Start the learner's actor; the handle. ``tools`` are ToolTexts, or a reference to them.

    Without a folder, models do not outlive it.
    """
    options = ray.remote(LearnerActor).options(name=name, num_cpus=0, max_concurrency=_CALLS, max_restarts=-1)
    return options.remote(settings, folder, tools)


class LearnerActor:
    """A learner for the whole service. After a crash it comes back with the stored models; `restore` does the rest."""

    def __init__(
        self, settings: LearningSettings | None = None, folder: Path | None = None, tools: Sequence[ToolText] = ()
    ) -> None:
        self._learner = Learner(settings, Registry(folder) if folder else None, tools)
        self._lock = threading.Lock()
        self._work = threading.Event()
        self._restored = False
        self._told: dict[int, None] = {}
        self._problem = ""
        threadpool_limits(1)  # training runs beside agents and must not take their cores
        threading.Thread(target=self._train_for_ever, name="training", daemon=True).start()

    def record(self, outcomes: Iterable[Outcome]) -> bool:
        """Learn from outcomes, from each once however often it is told.

        False: this learner is new, and nobody has told it yet what the journal holds.
        """
        with self._lock:
            self._learner.observe(self._new(outcomes))
        self._wake()
        return self._restored

    def record_plans(self, examples: Iterable[PlanExample]) -> None:
        """Remember what plans goals got."""
        with self._lock:
            self._learner.observe_plans(examples)
        self._wake()

    def restore(self, outcomes: Sequence[Outcome], examples: Sequence[PlanExample] = ()) -> bool:
        """After a restart, of this learner or of a shard: learn what the journal holds; whether it was this learner's.

        Every shard may offer it: of outcomes only those count that are new here, of plans only the first offer.
        """
        with self._lock:
            first, self._restored = not self._restored, True
        for start in range(0, len(outcomes), _RESTORE_CHUNK):
            self.record(outcomes[start : start + _RESTORE_CHUNK])
        if first:
            self.record_plans(examples)
        return first

    def snapshot(self, since: int = -1) -> Snapshot | None:
        """What planners and gates need; None if nothing has changed since the snapshot of that number."""
        with self._lock:
            snapshot = self._learner.snapshot()
        return snapshot if snapshot.number != since else None

    def predictor(self, since: int = -1) -> tuple[int, TrainedPlanPredictor] | None:
        """The plan predictor and its number; None if it is still the one of that number. Some megabytes."""
        with self._lock:
            number = self._learner.predictor_number
            # Asked every second by every shard, and before any plan it would be made anew each time.
            return (number, self._learner.predictor) if number != since else None

    def status(self) -> LearnerStatus:
        """For people."""
        with self._lock:
            status = self._learner.status()
        return status.model_copy(update={"problems": (*status.problems, self._problem)}) if self._problem else status

    def ledger(self, entries: int = 100) -> LedgerView:
        """The gate's ledger with its newest entries."""
        with self._lock:
            return self._learner.ledger(entries)

    def versions(self) -> list[Manifest]:
        """Stored versions, oldest first."""
        with self._lock:
            return self._learner.versions()

    def rollback(self, version: int | None = None) -> int:
        """Go back to a stored version, None: to the one before.

        Raises:
            LearnerError: there is none, or it is damaged.
        """
        with self._lock:
            return self._learner.rollback(version)

    def _new(self, outcomes: Iterable[Outcome]) -> list[Outcome]:
        """Those that were not told before. A step may be refused more than once, each time with another P."""
        found = []
        for outcome in outcomes:
            probability = None if outcome.appraisal is None else outcome.appraisal.probability
            told = hash((outcome.attempt, outcome.verdict, outcome.dispatched, probability))
            if told not in self._told:
                self._told[told] = None
                found.append(outcome)
        for oldest in list(islice(self._told, max(0, len(self._told) - _TOLD_APART))):
            del self._told[oldest]
        return found

    def _wake(self) -> None:
        if self._learner.due or self._learner.plans_due:
            self._work.set()

    def _train_for_ever(self) -> None:
        os.nice(_TRAINING_NICE)  # on Linux of this thread alone: agents and planners that want the core get it first
        while True:
            self._work.wait()
            self._work.clear()
            self.train_once()

    def train_once(self) -> None:
        """Train what is due, in the caller's thread."""
        try:
            self._train()
        except Exception as error:  # noqa: BLE001 a boundary: a failed round is reported, the champion stays
            self._problem = f"training failed: {type(error).__name__}: {error}"
        else:
            self._problem = ""

    def _train(self) -> None:
        if self._learner.due:
            with self._lock:
                fit = self._learner.begin_training()
            trained = fit()
            with self._lock:
                self._learner.adopt(trained)
        if self._learner.plans_due:
            with self._lock:
                fit_plans = self._learner.begin_plan_training()
            trained_plans = fit_plans()
            with self._lock:
                self._learner.adopt_plans(trained_plans)
