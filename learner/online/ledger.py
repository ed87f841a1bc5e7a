"""Every decision of the gate with what came of it: calibration, waste, and regret against oracle, always and never."""

from collections import deque
from collections.abc import Iterable
from typing import Any

from pydantic import Field, computed_field, model_validator

from learner.online.calibration import CalibrationReport, Reliability
from planners.model import Model, StepId, TaskId, Versioned
from reconciler.gate import Appraisal, nest_appraisal
from reconciler.state.outcomes import Outcome, Verdict


class LedgerEntry(Versioned):
    """One decision: the gate's appraisal, the verdict, and what the work really saved and lost."""

    task: TaskId
    task_kind: str
    step: StepId
    agent: str
    dispatched: bool
    appraisal: Appraisal | None
    verdict: Verdict
    realised_s: float
    wasted_s: float
    wasted_usd: float

    @model_validator(mode="before")
    @classmethod
    def _nests_its_appraisal(cls, given: Any) -> Any:
        return nest_appraisal(given)

    # The API has always had these three beside the others.

    @computed_field  # type: ignore[prop-decorator]
    @property
    def probability(self) -> float | None:
        """P of the appraisal."""
        return None if self.appraisal is None else self.appraisal.probability

    @computed_field  # type: ignore[prop-decorator]
    @property
    def saved_s(self) -> float | None:
        """L of the appraisal."""
        return None if self.appraisal is None else self.appraisal.saved_s

    @computed_field  # type: ignore[prop-decorator]
    @property
    def cost_usd(self) -> float | None:
        """C of the appraisal."""
        return None if self.appraisal is None else self.appraisal.cost_usd


class PolicyWorth(Model):
    """Dollars that a policy was worth on the same decisions: value of seconds saved less cost of wrong guesses."""

    gate: float = 0.0
    oracle: float = 0.0
    always: float = 0.0
    never: float = 0.0

    @property
    def regret_usd(self) -> dict[str, float]:
        """How much better each other policy was; below 0 where the gate was better."""
        return {name: getattr(self, name) - self.gate for name in ("oracle", "always", "never")}


class LedgerSummary(Versioned):
    """The ledger of one kind of task, or of all. ``waste`` is wasted agent-seconds over those of all guesses."""

    decisions: int = 0
    dispatched: int = 0
    survived: int = 0
    verdicts: dict[str, int] = Field(default_factory=dict)
    realised_s: float = 0.0
    wasted_s: float = 0.0
    wasted_usd: float = 0.0
    waste: float = 0.0
    worth_usd: PolicyWorth = PolicyWorth()
    regret_usd: dict[str, float] = Field(default_factory=dict)
    calibration: CalibrationReport = CalibrationReport()


class LedgerView(Versioned):
    """What `forerun ledger` shows: everything together, each kind of task, and the newest entries, newest first."""

    total: LedgerSummary
    by_kind: dict[str, LedgerSummary]
    entries: tuple[LedgerEntry, ...]


class Ledger:
    """Running sums, exact over all decisions ever recorded; single entries are kept of the newest only."""

    def __init__(self, entries: int = 1_000, kinds: int = 500) -> None:
        self._newest: deque[Outcome] = deque(maxlen=entries)
        self._kinds = kinds
        self._total = _Sums()
        self._by_kind: dict[str, _Sums] = {}

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Take in decisions; outcomes of work that was never a guess are passed over."""
        for outcome in outcomes:
            if outcome.speculative:
                self._add(outcome)

    def view(self, entries: int = 100) -> LedgerView:
        """The ledger as it stands."""
        newest = list(self._newest)[::-1][:entries]
        return LedgerView(
            total=self._total.summary(),
            by_kind={kind: sums.summary() for kind, sums in self._by_kind.items()},
            entries=tuple(ledger_entry(outcome) for outcome in newest),
        )

    def _add(self, outcome: Outcome) -> None:
        self._newest.append(outcome)
        self._total.add(outcome)
        sums = self._by_kind.pop(outcome.task_kind, None) or _Sums()
        self._by_kind[outcome.task_kind] = sums  # at the end: the first is the one longest unused
        sums.add(outcome)
        if len(self._by_kind) > self._kinds:
            del self._by_kind[next(iter(self._by_kind))]


def ledger_entry(outcome: Outcome) -> LedgerEntry:
    """The line of one decision. A guess that was refused has saved and wasted nothing."""
    lost = outcome.dispatched and not outcome.verdict.survives
    won = outcome.dispatched and outcome.verdict.survives
    return LedgerEntry(
        task=outcome.task,
        task_kind=outcome.task_kind,
        step=outcome.step,
        agent=outcome.agent,
        dispatched=outcome.dispatched,
        appraisal=outcome.appraisal,
        verdict=outcome.verdict,
        realised_s=(outcome.realised_s or 0.0) if won else 0.0,
        wasted_s=outcome.seconds if lost else 0.0,
        wasted_usd=outcome.usd if lost else 0.0,
    )


class _Sums:
    def __init__(self) -> None:
        self.decisions = self.dispatched = self.survived = 0
        self.verdicts: dict[str, int] = {}
        self.realised_s = self.spent_s = self.wasted_s = self.wasted_usd = 0.0
        self.gate = self.oracle = self.always = 0.0
        self.reliability = Reliability()

    def add(self, outcome: Outcome) -> None:
        survived = outcome.verdict.survives
        self.decisions += 1
        if outcome.appraisal is not None:
            self.reliability.add(outcome.appraisal.probability, survived=survived)
        self._compare(outcome)
        if not outcome.dispatched:
            return
        self.dispatched += 1
        self.survived += survived
        self.verdicts[outcome.verdict.value] = self.verdicts.get(outcome.verdict.value, 0) + 1
        self.spent_s += outcome.seconds
        if survived:
            self.realised_s += outcome.realised_s or 0.0
        else:
            self.wasted_s += outcome.seconds
            self.wasted_usd += outcome.usd

    def _compare(self, outcome: Outcome) -> None:
        """What the decision and its opposite were worth: seconds saved if the work survived, C if it did not.

        Seconds that a refused guess would have saved are its ``realised_s`` where told, else its own part of L.
        """
        appraisal = outcome.appraisal
        if outcome.verdict.survives:
            own_s = appraisal.own_s if appraisal is not None else 0.0
            seconds = outcome.realised_s if outcome.realised_s is not None else own_s
            dispatching = seconds * outcome.value_of_time_usd_per_s
        else:
            dispatching = -appraisal.cost_usd if appraisal is not None else 0.0
        self.always += dispatching
        self.oracle += max(0.0, dispatching)
        self.gate += dispatching if outcome.dispatched else 0.0

    def summary(self) -> LedgerSummary:
        worth = PolicyWorth(gate=self.gate, oracle=self.oracle, always=self.always)
        return LedgerSummary(
            decisions=self.decisions,
            dispatched=self.dispatched,
            survived=self.survived,
            verdicts=dict(self.verdicts),
            realised_s=self.realised_s,
            wasted_s=self.wasted_s,
            wasted_usd=self.wasted_usd,
            waste=self.wasted_s / self.spent_s if self.spent_s else 0.0,
            worth_usd=worth,
            regret_usd=worth.regret_usd,
            calibration=self.reliability.report(),
        )
