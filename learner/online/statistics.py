"""Everything that outcomes update at once, behind one `observe`."""

from learner.online.acceptance import AcceptanceCounts
from learner.online.duration_windows import DurationWindows
from learner.online.ledger import Ledger
from learner.online.outcome_sample import OutcomeSample
from learner.online.survival_rates import SurvivalRates
from learner.online.task_kinds import TaskKinds
from learner.online.usable_outcomes import is_finished, usable_outcome
from learner.settings import LearningSettings
from reconciler.state.outcomes import Outcome


class OnlineStatistics:
    """The parts are public: readers ask them directly. ``ignored`` counts outcomes that were not usable."""

    def __init__(self, settings: LearningSettings) -> None:
        self.sample = OutcomeSample(settings.window, settings.reservoir, settings.seed)
        self.ledger = Ledger()
        self.rates = SurvivalRates()
        self.kinds = TaskKinds(settings.kinds)
        self.durations = DurationWindows(settings.agents)
        self.accepted = AcceptanceCounts()
        self.ignored = 0

    def observe(self, outcome: Outcome) -> int | None:
        """Update with one outcome. If that raises a drift alarm: how many guesses ago the drift began.

        Outcomes that are not usable are counted and otherwise ignored. Constant time and memory.
        """
        usable = usable_outcome(outcome)
        if usable is None:
            self.ignored += 1
            return None
        if usable.judged:
            self.accepted.add(usable)
            return None
        self.sample.add(usable)
        self.ledger.add(usable)
        self._observe_duration(usable)
        self.accepted.add(usable)
        if usable.speculative:
            self.rates.add(usable.task_kind, usable.agent, survived=usable.verdict.survives)
        return self.kinds.observe(usable)

    def _observe_duration(self, outcome: Outcome) -> None:
        if is_finished(outcome):
            self.durations.add_finished(outcome.agent, outcome.work_s, outcome.output_bytes)
        elif outcome.cut_short:
            self.durations.add_censored(outcome.agent, outcome.work_s)
