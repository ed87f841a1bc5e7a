"""The learner itself, pure: outcomes in, snapshots out. Heavy training is a separate step, so it can run elsewhere."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from pydantic import Field

from learner.errors import LearnerError
from learner.models.bundle import ModelBundle, decode, encode
from learner.models.costs import LearnedCosts
from learner.models.durations import DurationWindow, Observed
from learner.models.plan_history import PlanHistory
from learner.models.plan_training import TrainedPredictor, train_predictor
from learner.models.survival import Rates
from learner.models.training import Trained, claim, train
from learner.online.calibration import CalibrationReport
from learner.online.kinds import TaskKindStatistics, calibration_of
from learner.online.ledger import Ledger, LedgerView
from learner.online.outcome_sample import OutcomeSample
from learner.predictor import PlanExample, ToolText, TrainedPlanPredictor
from learner.registry import Manifest, Registry
from learner.snapshot import Snapshot
from planners.model import Model, Versioned
from reconciler.gate import Guidance
from reconciler.state.outcomes import Outcome

T = TypeVar("T")
_POOLED = 2_000
_TASKS_REMEMBERED = 10_000


class LearningSettings(Model):
    """Bounds of memory, and after how many new outcomes the boosted models are challenged."""

    window: int = Field(default=8_000, ge=1)
    reservoir: int = Field(default=8_000, ge=1)
    train_every: int = Field(default=500, ge=1)
    kinds: int = Field(default=500, ge=1)
    agents: int = Field(default=5_000, ge=1)
    seed: int = 0


class KindStatus(Model):
    """One kind of task as people see it."""

    throttle: float
    closed: bool
    drifting: bool
    alarms: int
    plan_p50_s: float | None = None
    plan_p90_s: float | None = None


class LearnerStatus(Versioned):
    """What `GET /v1/learner` shows. ``version`` is that of the stored models, None before there are any.

    ``plans`` counts the plans remembered for the predictor, ``predictor`` its generations since the start.
    """

    outcomes: int
    remembered: int
    since_training: int
    snapshot: int
    version: int | None
    models: tuple[str, ...]
    figures: dict[str, float]
    kinds: dict[str, KindStatus]
    calibration: CalibrationReport
    ledger: LedgerView
    plans: int
    predictor: int
    problems: tuple[str, ...]


class Learner:
    """Not for several threads at once; `train` of a sample taken before may run beside it.

    What is cheap (rates, windows, calibration, drift, ledger) follows every outcome; what is dear (boosted models) is
    trained from a bounded sample and adopted whole.
    """

    def __init__(
        self,
        settings: LearningSettings | None = None,
        registry: Registry | None = None,
        tools: Sequence[ToolText] = (),
    ) -> None:
        self.settings = settings or LearningSettings()
        self._plans = PlanHistory()
        self._tools = tuple(tools)
        self.predictor_number = 0
        self._registry = registry
        self._history = OutcomeSample(self.settings.window, self.settings.reservoir, self.settings.seed)
        self._ledger = Ledger()
        self._rates = Rates()
        self._kinds: dict[str, TaskKindStatistics] = {}
        self._durations: dict[str, DurationWindow] = {}
        self._observed: dict[str, Observed | None] = {}
        self._tasks: dict[str, None] = {}
        self._pooled: deque[tuple[float, bool]] = deque(maxlen=_POOLED)
        self._models = ModelBundle()
        self._version: int | None = None
        self._figures: dict[str, float] = {}
        self._problems: deque[str] = deque(maxlen=20)
        self._since_training = 0
        # How often people went back to a version, and how often when the rounds under way began: what these challenge
        # is no longer in use after the next time.
        self._rollbacks = self._round = self._plan_round = 0
        self._number = 0
        self._snapshot: Snapshot | None = None
        self._load()

    def observe(self, outcomes: Iterable[Outcome]) -> None:
        """Learn from outcomes, oldest first. Constant time and memory an outcome."""
        for outcome in outcomes:
            self._history.add((outcome,))
            self._ledger.add((outcome,))
            self._learn_kind(outcome)
            self._learn_duration(outcome)
            self._since_training += 1
            self._snapshot = None

    @property
    def due(self) -> bool:
        """Whether enough has come in since the last training."""
        return self._since_training >= self.settings.train_every

    def observe_plans(self, examples: Iterable[PlanExample]) -> None:
        """Remember what plans goals got, oldest first."""
        self._plans.add(examples)

    @property
    def plans_due(self) -> bool:
        """Whether the plan predictor is worth training anew."""
        return self._plans.due(drifting=any(kind.drift.drifting for kind in self._kinds.values()))

    def begin_plan_training(self) -> Callable[[], TrainedPredictor]:
        """A round of the plan predictor, to be called anywhere. Takes up to a minute; adopt what it returns."""
        syllabus, champion = self._plans.begin_training(), self.predictor
        self._plan_round = self._rollbacks
        return lambda: train_predictor(syllabus, self._tools, champion, self.settings.seed)

    def adopt_plans(self, trained: TrainedPredictor) -> None:
        """Put a new predictor to use if it is better, and into the registry. None that a rollback has overtaken."""
        if self._plan_round != self._rollbacks:
            return
        figures = {"similarity": trained.similarity, "champion_similarity": trained.champion_similarity}
        self._figures |= figures
        self._plans.judged(trained.champion, trained.leads)
        if trained.better:
            self.predictor_number += 1
            self._replace(replace(self._models, predictor=trained.predictor), self._figures)

    @property
    def predictor(self) -> TrainedPlanPredictor:
        """The plan predictor in use; before any plan the one that knows the catalog's words alone."""
        return self._models.predictor or TrainedPlanPredictor.cold(self._tools)

    def begin_training(self) -> Callable[[], Trained]:
        """A round of training, to be called anywhere; it shares nothing with the learner. Adopt what it returns."""
        sample, champion = self._history.sample(), self._models
        self._since_training, self._round = 0, self._rollbacks
        return lambda: train(sample, champion)

    def adopt(self, trained: Trained) -> None:
        """Put a round's models to use, and into the registry if any is new. None that a rollback has overtaken."""
        if self._round != self._rollbacks:
            return
        self._figures |= trained.figures
        if trained.replaced:
            models = replace(trained.models, predictor=self._models.predictor)  # it may be newer than the round
            self._replace(models, self._figures)

    def snapshot(self) -> Snapshot:
        """All of it, for planners and gates. The same object until something changes."""
        if self._snapshot is None:
            self._number += 1
            self._snapshot = Snapshot(
                number=self._number,
                version=self._version,
                costs=LearnedCosts(self._seen(), self._models.durations, self._rates.agents()),
                guidance={name: kind.guidance() for name, kind in self._kinds.items()},
                unknown=Guidance(calibration=calibration_of(self._pooled)),
                rates=self._rates.copy(),
                survival=self._models.survival,
            )
        return self._snapshot

    def status(self) -> LearnerStatus:
        """For people."""
        ledger = self._ledger.view()
        durations = [f"duration:{agent}" for agent in sorted(self._models.durations)]
        return LearnerStatus(
            outcomes=self._history.total,
            remembered=len(self._history),
            since_training=self._since_training,
            snapshot=self.snapshot().number,
            version=self._version,
            models=(*(["survival"] if self._models.survival else []), *durations),
            figures=self._figures,
            kinds=dict(self._kind_statuses()),
            calibration=ledger.total.calibration,
            ledger=ledger,
            plans=len(self._plans),
            predictor=self.predictor_number,
            problems=tuple(self._problems),
        )

    def ledger(self, entries: int = 100) -> LedgerView:
        """The gate's ledger with its newest entries."""
        return self._ledger.view(entries)

    def versions(self) -> list[Manifest]:
        """Stored versions, oldest first."""
        return self._registry.versions() if self._registry else []

    def rollback(self, version: int | None = None) -> int:
        """Go back to a stored version (None: the one before) and use it at once.

        Raises:
            LearnerError: no registry, no such version, or its files are damaged; nothing has changed then.
        """
        if self._registry is None:
            raise LearnerError("models are not stored here, so there is nothing to go back to")
        self._registry.rollback(version, decode)
        self._rollbacks += 1
        self._load()
        assert self._version is not None
        return self._version

    def _learn_kind(self, outcome: Outcome) -> None:
        kind = _recent(self._kinds, outcome.task_kind, TaskKindStatistics, self.settings.kinds)
        if outcome.planning_s is not None and outcome.task not in self._tasks:
            kind.planned(outcome.planning_s)
            _recent(self._tasks, outcome.task, lambda: None, _TASKS_REMEMBERED)
        if not outcome.speculative:
            kind.worked()
            return
        claimed, survived = claim(outcome), outcome.verdict.survives
        promised = claimed if outcome.appraisal is None else outcome.appraisal.probability
        if kind.guessed(claimed, promised, survived=survived, task=outcome.task):
            self._plans.changed(back=kind.drift.suspects)
        self._pooled.append((claimed, survived))
        self._rates.add(outcome.task_kind, outcome.agent, survived=survived, salvaged=outcome.verdict.salvages)

    def _learn_duration(self, outcome: Outcome) -> None:
        ended = outcome.dispatched and outcome.succeeded
        if not ended and not outcome.cut_short:
            return
        window = _recent(self._durations, outcome.agent, DurationWindow, self.settings.agents)
        self._observed.pop(outcome.agent, None)
        if ended:
            window.add(outcome.work_s, outcome.output_bytes)
        else:
            window.outlasts(outcome.work_s)

    def _seen(self) -> Mapping[str, Observed]:
        for agent in self._durations.keys() - self._observed.keys():
            self._observed[agent] = self._durations[agent].observed()
        return {agent: seen for agent in self._durations if (seen := self._observed[agent]) is not None}

    def _kind_statuses(self) -> Iterator[tuple[str, KindStatus]]:
        for name, kind in self._kinds.items():
            guidance = kind.guidance()
            yield (
                name,
                KindStatus(
                    throttle=guidance.throttle,
                    closed=guidance.closed,
                    drifting=kind.drift.drifting,
                    alarms=kind.drift.alarms,
                    plan_p50_s=guidance.plan_p50_s,
                    plan_p90_s=guidance.plan_p90_s,
                ),
            )

    def _replace(self, models: ModelBundle, figures: Mapping[str, float]) -> None:
        self._models, self._snapshot = models, None
        if self._registry is None:
            return
        try:
            self._version = self._registry.save(encode(models), outcomes=self._history.total, figures=figures)
        except OSError as error:  # a full disk must not stop learning: the models are in use, only not stored
            self._problems.append(f"the models could not be stored: {error}")

    def _load(self) -> None:
        if self._registry is None:
            return
        found = self._registry.load(decode)
        self._problems.extend(str(error) for error in found.corrupt)
        if found.value is not None:
            # Whoever has another predictor must get this one, and where there is none the one of the catalog's words.
            self.predictor_number += (self._models.predictor or found.value.predictor) is not None
            self._version, self._models, self._snapshot = found.version, found.value, None


def _recent(entries: dict[str, T], key: str, make: Callable[[], T], most: int) -> T:
    """The entry of a key, now the newest; the one longest unused goes when there are too many."""
    found = entries.pop(key) if key in entries else make()
    entries[key] = found
    if len(entries) > most:
        del entries[next(iter(entries))]
    return found
