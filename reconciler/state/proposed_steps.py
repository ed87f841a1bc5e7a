"""What agents have proposed, by step, and which of it the plan already holds."""

from collections.abc import Iterable

from planners.model import StepId, WorkKey
from planners.proposals import Proposal


class ProposedSteps:
    """The proposals of a run. Of one piece of work the first counts, even if its output is lost and made again.

    Attributes:
        changes: how often a proposal was taken, replaced or withdrawn.
        nodes: how many nodes were proposed.
    """

    def __init__(self) -> None:
        self.changes = self.nodes = 0
        self._proposals: dict[StepId, tuple[WorkKey, Proposal | None]] = {}
        self._telling: dict[StepId, None] = {}  # those of which the next plan must know
        self._open: dict[StepId, None] = {}  # those that the plan does not hold yet
        self._asked: frozenset[StepId] = frozenset()

    def get(self, step: StepId) -> Proposal | None:
        """What the step has proposed."""
        return self._proposals[step][1] if step in self._proposals else None

    def depth(self, step: StepId) -> int:
        """How many proposals a step is inside of."""
        ends = (at for at, letter in enumerate(step) if letter == "/")
        return sum(self.get(StepId(step[:at])) is not None for at in ends)

    def take(self, step: StepId, work: WorkKey, proposal: Proposal | None) -> bool:
        """The work of a step has finished; whether the step waits for a plan that holds what it has proposed."""
        known = self._proposals.get(step)
        if known is None and proposal is None:
            return False
        if known is None or known[0] != work:
            if known is None or known[1] != proposal:
                self.changes += 1
                self._open[step] = self._telling[step] = None
                self._asked -= {step}
            self.nodes += 0 if proposal is None else len(proposal.nodes)
            self._proposals[step] = (work, proposal)
        return step in self._open

    def taken(self) -> dict[StepId, Proposal]:
        """Those that a plan which is asked for now has to hold."""
        self._asked = frozenset(self._open)
        found = ((step, self.get(step)) for step in self._telling)
        return {step: proposal for step, proposal in found if proposal is not None}

    def planned(self) -> None:
        """The plan that was asked for last counts from here on."""
        for step in self._asked:
            self._open.pop(step, None)

    def leave_out(self, steps: Iterable[StepId]) -> None:
        """No later plan holds these steps."""
        for step in steps:
            self._telling.pop(step, None)

    def start_over(self) -> None:
        """The next plan holds all steps again."""
        self._telling = dict.fromkeys(self._proposals)
