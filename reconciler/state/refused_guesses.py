"""What the gate has refused to start, over all guesses at a plan, until that plan decides about it."""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

from planners.model import AgentName, StepId, WorkKey
from planners.plans import Plan, PlannedStep
from reconciler.gate import Decision


class RefusedGuess(NamedTuple):
    """A guessed step, the gate's last decision about it in that guess, and when it was first asked (from admission).

    ``ahead``: whether it is guessed to follow pending nodes of the plan in hand.
    """

    guessed: PlannedStep
    decision: Decision
    asked_s: float
    ahead: bool = False


class RefusedGuesses:
    """Keeps refusals of guesses that others have taken the place of: without them only the last guess would count.

    Neither the learner nor a timeline gets those whose work was begun as a guess after all. A step that started because
    a prefix of the plan held it was refused: if only refused work that no prefix holds were learned from, nearly all of
    it would seem to be wrong.
    """

    def __init__(self) -> None:
        self._undecided: dict[WorkKey, RefusedGuess] = {}
        self._last: dict[tuple[StepId, AgentName], RefusedGuess] = {}

    def note(self, refused: Iterable[RefusedGuess]) -> None:
        """Take in what guesses were refused; the first guess that holds a work counts, as for started work."""
        for one in refused:
            self._undecided.setdefault(one.guessed.work_key, one)
            self._last[one.decision.step, one.decision.agent] = one

    def take_decided(self, plan: Plan, begun: Callable[[], Collection[WorkKey]]) -> list[RefusedGuess]:
        """Those that a complete plan decides about, each work once; they are forgotten here. Linear.

        What is guessed ahead and not held may still follow while nodes of the plan are pending. ``begun`` returns the
        work that was begun as a guess; it is called only if anything was refused.
        """
        if not self._undecided:
            return []
        held = {planned.work_key for planned in plan.steps} if plan.pending else set()
        before, self._undecided = self._undecided, {}
        for work, one in before.items():
            if one.ahead and plan.pending and work not in held:
                self._undecided[work] = one
        started = begun()
        return [one for work, one in before.items() if work not in started and work not in self._undecided]

    def joined_by(self, newest: Iterable[RefusedGuess]) -> "RefusedGuesses":
        """A copy that has noted these as well."""
        joined = RefusedGuesses()
        joined._undecided, joined._last = dict(self._undecided), dict(self._last)
        joined.note(newest)
        return joined

    def last(self, begun: Collection[WorkKey]) -> Iterator[Decision]:
        """The last decision about each step and agent, unless its work was begun as a guess."""
        yield from (one.decision for one in self._last.values() if one.guessed.work_key not in begun)
