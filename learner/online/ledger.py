"""The gate's ledger: every decision with its result, and calibration, waste and regret over all decisions."""

from collections import deque
from typing import Any

from pydantic import Field, computed_field, model_validator

from learner.online.lru import LruDict
from learner.online.reliability import CalibrationReport, ReliabilityCurve
from planners.model import Model, StepId, TaskId, Versioned
from reconciler.gate import Appraisal, nest_appraisal
from reconciler.state.outcomes import Outcome, Verdict


class LedgerEntry(Versioned):
    """One decision: the gate's appraisal, the verdict, and the seconds and dollars saved or wasted."""

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
    def _nest_appraisal(cls, given: Any) -> Any:
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
    """What each policy was worth in dollars on the same decisions: value of seconds saved minus cost of wrong guesses.

    ``gate`` is the policy in use, ``oracle`` dispatches just what survives, ``always`` everything, ``never`` nothing.
    """

    gate: float = 0.0
    oracle: float = 0.0
    always: float = 0.0
    never: float = 0.0

    @property
    def regret_usd(self) -> dict[str, float]:
        """How much more each other policy was worth; negative where the gate was better."""
        return {name: getattr(self, name) - self.gate for name in ("oracle", "always", "never")}


class LedgerSummary(Versioned):
    """The ledger of one kind of task, or of all.

    ``waste``: agent-seconds of flushed guesses over agent-seconds of all guesses. ``given_up`` guesses were flushed as
    unlikely before the plan was complete; for ``given_up_rightly`` of them it held no such work.
    """

    decisions: int = 0
    dispatched: int = 0
    survived: int = 0
    given_up: int = 0
    given_up_rightly: int = 0
    verdicts: dict[str, int] = Field(default_factory=dict)
    realised_s: float = 0.0
    wasted_s: float = 0.0
    wasted_usd: float = 0.0
    waste: float = 0.0
    worth_usd: PolicyWorth = PolicyWorth()
    regret_usd: dict[str, float] = Field(default_factory=dict)
    calibration: CalibrationReport = CalibrationReport()


class LedgerView(Versioned):
    """What `forerun ledger` shows: all decisions together, by kind of task, and the newest entries, newest first."""

    total: LedgerSummary
    by_kind: dict[str, LedgerSummary]
    entries: tuple[LedgerEntry, ...]


class Ledger:
    """Running sums over all decisions; single entries are kept of the newest only."""

    def __init__(self, entries: int = 1_000, kinds: int = 500) -> None:
        self._newest: deque[Outcome] = deque(maxlen=entries)
        self._total = _LedgerSums()
        self._by_kind: LruDict[str, _LedgerSums] = LruDict(kinds)

    def add(self, outcome: Outcome) -> None:
        """Add a decision of the gate. Outcomes of work that was not speculative are ignored."""
        if outcome.speculative:
            self._newest.append(outcome)
            self._total.add(outcome)
            self._by_kind.touch(outcome.task_kind, _LedgerSums).add(outcome)

    def view(self, entries: int = 100) -> LedgerView:
        """The ledger as it is now, with at most ``entries`` single decisions."""
        newest = list(self._newest)[::-1][:entries]
        return LedgerView(
            total=self._total.summary(),
            by_kind={kind: sums.summary() for kind, sums in self._by_kind.items()},
            entries=tuple(ledger_entry(outcome) for outcome in newest),
        )


def ledger_entry(outcome: Outcome) -> LedgerEntry:
    """The entry of one decision. A guess that the gate refused saved and wasted nothing."""
    survived = outcome.dispatched and outcome.verdict.survives
    flushed = outcome.dispatched and not outcome.verdict.survives
    return LedgerEntry(
        task=outcome.task,
        task_kind=outcome.task_kind,
        step=outcome.step,
        agent=outcome.agent,
        dispatched=outcome.dispatched,
        appraisal=outcome.appraisal,
        verdict=outcome.verdict,
        realised_s=(outcome.realised_s or 0.0) if survived else 0.0,
        wasted_s=outcome.seconds if flushed else 0.0,
        wasted_usd=outcome.usd if flushed else 0.0,
    )


class _LedgerSums:
    def __init__(self) -> None:
        self.decisions = self.dispatched = self.survived = self.given_up = self.given_up_rightly = 0
        self.verdicts: dict[str, int] = {}
        self.realised_s = self.spent_s = self.wasted_s = self.wasted_usd = 0.0
        self.gate = self.oracle = self.always = 0.0
        self.reliability = ReliabilityCurve()

    def add(self, outcome: Outcome) -> None:
        survived = outcome.verdict.survives
        self.decisions += 1
        if outcome.appraisal is not None:
            self.reliability.add(outcome.appraisal.probability, survived=survived)
        self._compare_policies(outcome)
        if not outcome.dispatched:
            return
        self.dispatched += 1
        self.survived += survived
        self.given_up += outcome.given_up
        self.given_up_rightly += outcome.given_up and not survived
        self.verdicts[outcome.verdict.value] = self.verdicts.get(outcome.verdict.value, 0) + 1
        self.spent_s += outcome.seconds
        if survived:
            self.realised_s += outcome.realised_s or 0.0
        else:
            self.wasted_s += outcome.seconds
            self.wasted_usd += outcome.usd

    def _compare_policies(self, outcome: Outcome) -> None:
        """Add what dispatching was worth to each policy: the seconds saved if the work survived, else minus C.

        The seconds are ``realised_s``, or the attempt's own part of L where these are unknown.
        """
        appraisal = outcome.appraisal
        if outcome.verdict.survives:
            own_s = appraisal.own_s if appraisal is not None else 0.0
            seconds = outcome.realised_s if outcome.realised_s is not None else own_s
            worth = seconds * outcome.value_of_time_usd_per_s
        else:
            worth = -appraisal.cost_usd if appraisal is not None else 0.0
        self.always += worth
        self.oracle += max(0.0, worth)
        self.gate += worth if outcome.dispatched else 0.0

    def summary(self) -> LedgerSummary:
        worth = PolicyWorth(gate=self.gate, oracle=self.oracle, always=self.always)
        return LedgerSummary(
            decisions=self.decisions,
            dispatched=self.dispatched,
            survived=self.survived,
            given_up=self.given_up,
            given_up_rightly=self.given_up_rightly,
            verdicts=dict(self.verdicts),
            realised_s=self.realised_s,
            wasted_s=self.wasted_s,
            wasted_usd=self.wasted_usd,
            waste=self.wasted_s / self.spent_s if self.spent_s else 0.0,
            worth_usd=worth,
            regret_usd=worth.regret_usd,
            calibration=self.reliability.report(),
        )
