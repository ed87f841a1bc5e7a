"""The learner without Ray: outcomes and plans in, snapshots out. Training is a separate step that may run elsewhere."""

from collections.abc import Callable, Iterable, Sequence

from learner.agent_status import agents_status
from learner.models.learned_costs import LearnedCosts
from learner.models.model_store import ModelStore
from learner.models.plan_history import PlanHistory
from learner.models.predictor_training import PredictorTrainingResult, train_predictor
from learner.models.training import TrainingResult, train
from learner.online.ledger import LedgerView
from learner.online.statistics import OnlineStatistics
from learner.online.task_kinds import TaskKindStatistics
from learner.predictor import PlanExample, ToolText, TrainedPlanPredictor
from learner.registry import Manifest, Registry
from learner.settings import LearningSettings
from learner.snapshot import LearnerSnapshot
from learner.status import KindStatus, LearnerStatus
from reconciler.state.outcomes import Outcome

__all__ = ["Learner", "LearnerStatus", "LearningSettings"]


class Learner:
    """Joins online statistics, past plans and models. Not thread-safe, but the training it returns runs in any thread.

    `OnlineStatistics` follow every outcome. Models are trained from a bounded sample of outcomes, and the plan
    predictor from past plans; `ModelStore` decides which models are in use.
    """

    def __init__(
        self,
        settings: LearningSettings | None = None,
        registry: Registry | None = None,
        tools: Sequence[ToolText] = (),
    ) -> None:
        self.settings = settings or LearningSettings()
        self._tools = tuple(tools)
        self._tool_changes = 0
        self._tools_are_new = False
        self._statistics = OnlineStatistics(self.settings)
        self._plans = PlanHistory()
        self._store = ModelStore(registry)
        self._since_training = 0
        self._snapshot = LearnerSnapshot()
        self._snapshot_is_current = False

    def observe(self, outcomes: Iterable[Outcome]) -> None:
        """Learn from outcomes, oldest first. Constant time and memory per outcome."""
        for outcome in outcomes:
            drifted_since = self._statistics.observe(outcome)
            if drifted_since is not None:
                self._plans.suspect_change(outcome.task_kind, plans_ago=drifted_since)
            self._since_training += 1
            self._snapshot_is_current = False

    def observe_plans(self, examples: Iterable[PlanExample]) -> None:
        """Add the plans that goals got, oldest first."""
        self._plans.add(examples)

    def know_tools(self, tools: Sequence[ToolText]) -> None:
        """The catalog has changed. A trained predictor learns of its new tools with the next training, which is due."""
        if (known := tuple(tools)) != self._tools:
            self._tools = known
            self._tool_changes += 1
            self._tools_are_new = self._store.models.predictor is not None

    @property
    def due(self) -> bool:
        """Whether there are enough new outcomes to train the models again."""
        return self._since_training >= self.settings.train_every

    @property
    def plans_due(self) -> bool:
        """Whether there are enough new plans to train the plan predictor again."""
        return self._plans.due(self._statistics.kinds.drifting) or (self._tools_are_new and len(self._plans) > 0)

    def begin_training(self) -> Callable[[], TrainingResult]:
        """Start a round of training. The returned function shares nothing with the learner; `adopt` its result."""
        self._since_training = 0
        sample, champion, generation = self._statistics.sample.outcomes(), self._store.models, self._store.generation
        return lambda: train(sample, champion, generation)

    def adopt(self, result: TrainingResult) -> None:
        """Use the models that are better than those in use. A result from before a rollback is discarded."""
        if self._store.adopt(result, self._statistics.sample.total):
            self._snapshot_is_current = False

    def begin_plan_training(self) -> Callable[[], PredictorTrainingResult]:
        """Start training the plan predictor, which takes up to a minute. `adopt_plans` the result."""
        self._tools_are_new = False
        training_set, champion, generation = self._plans.begin_training(), self.predictor, self._store.generation
        return lambda: train_predictor(training_set, self._tools, champion, self.settings.seed, generation)

    def adopt_plans(self, result: PredictorTrainingResult) -> None:
        """Use the new predictor if it is better. A result from before a rollback is discarded."""
        if result.generation != self._store.generation:
            return
        self._plans.record_evaluation(result.champion_similarities, result.kind, result.differences)
        if self._store.adopt_predictor(result, self._statistics.sample.total):
            self._snapshot_is_current = False

    @property
    def predictor(self) -> TrainedPlanPredictor:
        """The plan predictor in use; before the first training, one that knows only the catalog's texts."""
        return self._store.models.predictor or TrainedPlanPredictor.cold(self._tools)

    @property
    def predictor_number(self) -> int:
        """Grows whenever another predictor comes into use."""
        return self._store.predictor_number + self._tool_changes

    def snapshot(self) -> LearnerSnapshot:
        """Everything learned so far; the same object until something changes."""
        if not self._snapshot_is_current:
            statistics, models = self._statistics, self._store.models
            self._snapshot = LearnerSnapshot(
                number=self._snapshot.number + 1,
                version=self._store.version,
                costs=LearnedCosts(
                    statistics.durations.observed(),
                    models.durations,
                    statistics.rates.by_agent(),
                    statistics.accepted.rates(),
                ),
                guidance=statistics.kinds.guidance(),
                default_guidance=statistics.kinds.default_guidance(),
                rates=statistics.rates.copy(),
                survival=models.survival,
            )
            self._snapshot_is_current = True
        return self._snapshot

    def status(self) -> LearnerStatus:
        """The status for people."""
        ledger, models = self._statistics.ledger.view(), self._store.models
        durations = [f"duration:{agent}" for agent in sorted(models.durations)]
        ignored = self._statistics.ignored
        problems = [f"{ignored} outcomes with unusable values were ignored"] if ignored else []
        return LearnerStatus(
            outcomes=self._statistics.sample.total,
            remembered=len(self._statistics.sample),
            since_training=self._since_training,
            snapshot=self.snapshot().number,
            version=self._store.version,
            models=(*(["survival"] if models.survival else []), *durations),
            figures=self._store.figures,
            kinds={name: _kind_status(kind) for name, kind in self._statistics.kinds},
            agents=agents_status(self._statistics.durations, self._statistics.accepted),
            calibration=ledger.total.calibration,
            ledger=ledger,
            plans=len(self._plans),
            predictor=self.predictor_number,
            problems=(*self._store.problems, *problems),
        )

    def ledger(self, entries: int = 100) -> LedgerView:
        """The gate's ledger with its newest entries."""
        return self._statistics.ledger.view(entries)

    def versions(self) -> list[Manifest]:
        """Stored versions, oldest first."""
        return self._store.versions()

    def rollback(self, version: int | None = None) -> int:
        """Use a stored version at once, None for the one before; return its number.

        Raises:
            LearnerError: there is no registry or no such version, or the version is damaged. Nothing has changed then.
        """
        used = self._store.rollback(version)
        self._snapshot_is_current = False
        return used


def _kind_status(kind: TaskKindStatistics) -> KindStatus:
    guidance = kind.guidance()
    return KindStatus(
        throttle=guidance.throttle,
        closed=guidance.closed,
        drifting=kind.drift.drifting,
        alarms=kind.drift.alarms,
        plan_p50_s=guidance.plan_p50_s,
        plan_p90_s=guidance.plan_p90_s,
    )
