"""The Ray actor around a learner: receives outcomes, trains in a background thread, returns snapshots."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import ray
from threadpoolctl import threadpool_limits

from learner.learner import Learner
from learner.online.ledger import LedgerView
from learner.online.seen_outcomes import SeenOutcomes
from learner.predictor import PlanExample, ToolText, TrainedPlanPredictor
from learner.registry import Manifest, Registry
from learner.settings import LearningSettings
from learner.snapshot import LearnerSnapshot
from learner.status import LearnerStatus
from reconciler.state.outcomes import Outcome

# Concurrent calls: a slow status must not delay a snapshot. Each holds the lock only briefly.
_CONCURRENT_CALLS = 8
_RESTORE_CHUNK = 1_000
# More than a shard restores from the journal, so that everything it delivers twice is recognised.
_SEEN_OUTCOMES = 100_000
_TRAINING_NICE = 15
# Models that are some seconds older guess as well, and on a busy machine agents need the core.
_TRAINING_SHARE = 0.05
_LONGEST_PAUSE_S = 60.0


def create(  # noqa: PLR0913 - keywords with defaults
    name: str = "forerun-learner",
    *,
    settings: LearningSettings | None = None,
    folder: Path | None = None,
    tools: Any = (),
    scheduling_strategy: Any = None,
    prepare: Callable[[], None] | None = None,
) -> Any:
    """Start the learner's actor and return its handle. ``tools`` are ToolTexts, or a reference to them.

    Without a folder, models are lost when the actor ends. ``prepare`` is called first in its process.
    """
    options = ray.remote(LearnerActor).options(
        name=name,
        num_cpus=0,
        max_concurrency=_CONCURRENT_CALLS,
        max_restarts=-1,
        scheduling_strategy=scheduling_strategy,
    )
    return options.remote(settings, folder, tools, prepare)


def training_pause_s(used_s: float) -> float:
    """How long to wait after a round of training that has used so many seconds of a core.

    Rounds of up to three seconds take a twentieth of a core that way. Longer ones take more, so that models follow.
    """
    return min(_LONGEST_PAUSE_S, used_s * (1 / _TRAINING_SHARE - 1))


class LearnerActor:
    """The learner of the whole service. After a crash it starts with the stored models; `restore` does the rest."""

    def __init__(
        self,
        settings: LearningSettings | None = None,
        folder: Path | None = None,
        tools: Sequence[ToolText] = (),
        prepare: Callable[[], None] | None = None,
    ) -> None:
        if prepare is not None:
            prepare()
        self._learner = Learner(settings, Registry(folder) if folder else None, tools)
        self._seen = SeenOutcomes(_SEEN_OUTCOMES)
        self._lock = threading.Lock()
        self._training_is_due = threading.Event()
        self._restored = self._plans_restored = False
        self._problems: dict[str, str] = {}
        threadpool_limits(1)  # training runs beside agents and must not take their cores
        threading.Thread(target=self._train_forever, name="training", daemon=True).start()

    def record(self, outcomes: Iterable[Outcome]) -> bool:
        """Learn from outcomes, from each once however often it is delivered.

        Returns False if this learner is new and was not restored from the journal yet.
        """
        with self._lock:
            self._learner.observe(self._seen.unseen(outcomes))
        self._wake_training()
        return self._restored

    def record_plans(self, examples: Iterable[PlanExample]) -> None:
        """Add the plans that goals got."""
        with self._lock:
            self._learner.observe_plans(examples)
        self._wake_training()

    def know_tools(self, tools: Sequence[ToolText]) -> None:
        """See `Learner.know_tools`."""
        with self._lock:
            self._learner.know_tools(tools)
        self._wake_training()

    def restore(self, outcomes: Sequence[Outcome], examples: Sequence[PlanExample] = ()) -> bool:
        """Learn what the journal holds, after a restart of this learner or of a shard; return whether it was needed.

        Every shard may call it: outcomes that were seen before are ignored, and only the first call's plans are used.
        """
        with self._lock:
            first, self._plans_restored = not self._plans_restored, True
        try:
            for start in range(0, len(outcomes), _RESTORE_CHUNK):
                self.record(outcomes[start : start + _RESTORE_CHUNK])
            if first:
                self.record_plans(examples)
        except BaseException:  # a restore that failed is repeated
            if first:
                self._plans_restored = False
            raise
        self._restored = True
        return first

    def snapshot(self, since: int = -1) -> LearnerSnapshot | None:
        """What planners and gates need; None if nothing has changed since the snapshot with that number."""
        with self._lock:
            snapshot = self._learner.snapshot()
        return snapshot if snapshot.number != since else None

    def predictor(self, since: int = -1) -> tuple[int, TrainedPlanPredictor] | None:
        """The plan predictor (some megabytes) and its number; None if it still is the one with that number."""
        with self._lock:
            number = self._learner.predictor_number
            # The number first: every shard asks every second, and a cold predictor is built at each access.
            return (number, self._learner.predictor) if number != since else None

    def status(self) -> LearnerStatus:
        """The status for people."""
        with self._lock:
            status = self._learner.status()
        return status.model_copy(update={"problems": (*status.problems, *self._problems.values())})

    def ledger(self, entries: int = 100) -> LedgerView:
        """The gate's ledger with its newest entries."""
        with self._lock:
            return self._learner.ledger(entries)

    def versions(self) -> list[Manifest]:
        """Stored versions, oldest first."""
        with self._lock:
            return self._learner.versions()

    def rollback(self, version: int | None = None) -> int:
        """Use a stored version, None for the one before; return its number.

        Raises:
            LearnerError: there is no such version, or it is damaged.
        """
        with self._lock:
            return self._learner.rollback(version)

    def train_once(self) -> None:
        """Train what is due, in the caller's thread. A failure is reported in the status; the champions stay in use."""
        due, plans_due = self._due()
        if due:
            self._attempt("training", self._train_models)
        if plans_due:
            self._attempt("training of the plan predictor", self._train_predictor)

    def _attempt(self, name: str, train: Callable[[], None]) -> None:
        try:
            train()
        except Exception as error:  # noqa: BLE001 a boundary: one failed round must not end the training thread
            self._problems = {**self._problems, name: f"{name} failed: {type(error).__name__}: {error}"}
        else:
            self._problems = {key: text for key, text in self._problems.items() if key != name}

    def _train_models(self) -> None:
        with self._lock:
            train = self._learner.begin_training()
        result = train()
        with self._lock:
            self._learner.adopt(result)

    def _train_predictor(self) -> None:
        with self._lock:
            train = self._learner.begin_plan_training()
        result = train()
        with self._lock:
            self._learner.adopt_plans(result)

    def _due(self) -> tuple[bool, bool]:
        with self._lock:
            return self._learner.due, self._learner.plans_due

    def _wake_training(self) -> None:
        if any(self._due()):
            self._training_is_due.set()

    def _train_forever(self) -> None:
        with suppress(OSError):  # where priorities may not be changed, training runs at the normal one
            os.nice(_TRAINING_NICE)  # on Linux this thread only: agents and planners get the core first
        while True:
            self._training_is_due.wait()
            self._training_is_due.clear()
            began_s = time.thread_time()
            self.train_once()
            time.sleep(training_pause_s(time.thread_time() - began_s))  # only this thread waits; it does nothing else
