"""What has happened in a run that decides how its workflow is unrolled next, apart from the outputs of steps."""

import heapq
import math
from collections.abc import Callable, Iterable

from planners.decompositions import Decomposition
from planners.facts import Elements, Facts, FinishedStep, ResumedLoop
from planners.model import StepId, WorkKey
from planners.occurrences import Ranges
from planners.plans import Plan
from planners.workflow import LoopTurn, Step
from reconciler.state.element_times import ElementTimes
from reconciler.state.fan_out_ends import Completion
from reconciler.state.fan_outs import Element
from reconciler.state.handoff import Failure
from reconciler.state.proposed_steps import ProposedSteps
from reconciler.state.quorum_state import Quorum
from reconciler.state.undecided_steps import StepChange


class RunFacts:
    """Grows while a run goes on; the plan asked for next takes it into account.

    Attributes:
        given_up: step -> why the workflow goes on without it.
        failed_work: work that has failed for good -> its step.
        failures: why elements have failed, in the order in which they did.
        started_s: fan-out -> when its first step started.
        completions: the fan-outs that are complete.
        reached_s: element -> when the last fan-out inside it was complete.
        kept: those of them that go on without some of their elements -> the elements with an output that counts.
        asks_s: since when a new plan is needed; infinite if none is.
        gone: steps that do not run any more, whatever a plan says that was asked for before.
        loops: those that the next plan resumes behind finished turns; ``finished``, ``repeats`` and ``undo``: see
            `planners.facts.Facts`.
        pinned: the steps of ``finished`` -> the key of the first step with like work.
        proposed: what agents have proposed.
        tries: the steps of each ``try``; ``failed_tries``, ``reverts``, ``reverted``: what is undone of those that have
            failed, see `reconciler.state.failed_tries`.
        quorums: what is known of the conditions on results of fan-outs.
        left: the elements that their fan-outs go on without while acts in them are awaited, and ``left_steps``.
        acting: those of them that the next plan still holds -> the steps that act, and why nothing else of it runs.
        times: how long elements take.
        changes: what has happened to steps since the present plan was asked for.
        told: how many facts the last request for a plan knew, and ``planned``: the last plan that was accepted.
    """

    def __init__(self) -> None:
        self.given_up: dict[StepId, str] = {}
        self.failed_work: dict[WorkKey, StepId] = {}
        self.failures: dict[Element, Failure] = {}
        self.started_s: dict[StepId, float] = {}
        self.completions: dict[StepId, Completion] = {}
        self.reached_s: dict[Element, float] = {}
        self.asks_s = math.inf
        self.gone: set[StepId] = set()
        self._timeouts: list[tuple[float, StepId]] = []
        self._deadlines: list[tuple[float, StepId]] = []
        self._watched: set[StepId] = set()
        self._dropped: dict[StepId, dict[int, str]] = {}
        self.kept: dict[StepId, tuple[int, ...]] = {}
        self._failed: dict[StepId, str] = {}
        self._telling: dict[StepId, None] = {}  # nodes of which the next plan must know
        self.loops: dict[StepId, ResumedLoop] = {}
        self.finished: dict[StepId, FinishedStep] = {}
        self.repeats: dict[WorkKey, Ranges] = {}
        self.undo: tuple[Step, ...] = ()
        self.pinned: dict[StepId, WorkKey] = {}
        self.proposed = ProposedSteps()
        self.tries: dict[StepId, set[StepId]] = {}
        self.failed_tries: dict[StepId, None] = {}
        self.reverts: dict[StepId, tuple[Step, ...]] = {}
        self.reverted: dict[StepId, FinishedStep] = {}
        self._decompositions: dict[StepId, Decomposition] = {}
        self.quorums: dict[StepId, Quorum] = {}
        self.told = self.planned = 0
        self.changes: list[StepChange] = []
        self._told_changes = 0
        self.times = ElementTimes()
        self.left: set[Element] = set()
        self.left_steps: set[StepId] = set()
        self.acting: dict[Element, tuple[tuple[StepId, ...], str]] = {}

    def start(self, fan_out: StepId, at_s: float, timeout_s: float | None) -> None:
        """The first step of a fan-out has started."""
        self.started_s[fan_out] = at_s
        if timeout_s is not None:
            self.look_again(fan_out, at_s + timeout_s)

    def look_again(self, fan_out: StepId, at_s: float) -> None:
        """Make a fan-out due at ``at_s``."""
        heapq.heappush(self._timeouts, (at_s, fan_out))

    def due(self, now_s: float) -> list[tuple[float, StepId]]:
        """The fan-outs that have become due since the last call, each with its moment."""
        due = []
        while self._timeouts and self._timeouts[0][0] <= now_s:
            due.append(heapq.heappop(self._timeouts))
        return due

    def watch_deadline(self, step: StepId, deadline_s: float) -> bool:
        """A step must finish by then; whether that is news."""
        if step in self._watched:
            return False
        self._watched.add(step)
        heapq.heappush(self._deadlines, (deadline_s, step))
        return True

    def postpone_deadline(self, step: StepId, deadline_s: float) -> None:
        """The deadline of a step has passed, and the next plan decides about the step."""
        heapq.heappush(self._deadlines, (deadline_s, step))

    def late(self, now_s: float) -> list[StepId]:
        """The steps whose deadline has passed since the last call."""
        late = []
        while self._deadlines and self._deadlines[0][0] <= now_s:
            late.append(heapq.heappop(self._deadlines)[1])
        return late

    def give_up(self, step: StepId, reason: str) -> None:
        """The workflow goes on without a step that has failed."""
        self.given_up[step] = reason
        self._telling[step] = None
        self.gone.add(step)

    def drop(self, element: Element, steps: Iterable[StepId], reason: str) -> None:
        """An element does not run any more; ``steps`` are those of it that have not finished."""
        self.gone.update(steps)
        fan_out, number = element
        self._telling[fan_out] = None
        self._dropped.setdefault(fan_out, {})[number] = reason

    def leave(self, element: Element, steps: Iterable[StepId], acting: Iterable[StepId], reason: str) -> None:
        """Nothing of an element goes on but acts; ``steps``: all of it that are held."""
        self.left.add(element)
        self.left_steps.update(steps)
        self.acting[element] = tuple(acting), reason

    def see(self, plan: Plan, finished: Callable[[StepId], bool]) -> None:
        """A plan was accepted; of elements that were dropped after it was asked for, nothing more runs.

        Neither does a step that the plan is the first to hold of an element in which acts are awaited: the next turn of
        a loop, which the fan-out does not know.
        """
        awaited = {step for steps, _ in self.acting.values() for step in steps}
        acting: dict[StepId, list[int]] = {}
        for name, number in self.acting:
            acting.setdefault(name, []).append(number)
        for spec in plan.fan_outs:
            for number in (*self._dropped.get(spec.id, ()), *acting.get(spec.id, ())):
                steps = [step for step in spec.elements[number] if step not in awaited]
                self.gone.update(step for step in steps if not finished(step))
        for left in plan.left.values():
            new = [step for step in left if step not in awaited and not finished(step)]
            self.left_steps.update(new)
            self.gone.update(new)

    def keep(self, fan_out: StepId, kept: tuple[int, ...], at_s: float, failed: str | None = None) -> None:
        """A fan-out is complete with the outputs of these elements, or has failed."""
        self.kept[fan_out] = kept
        self._telling[fan_out] = None
        if failed is not None:
            self._failed[fan_out] = failed
        self.ask(at_s)

    def ask(self, at_s: float) -> None:
        """A new plan is needed from ``at_s`` on."""
        self.asks_s = min(at_s, self.asks_s)

    @property
    def asks(self) -> bool:
        """Whether a new plan is needed."""
        return self.asks_s < math.inf

    @property
    def count(self) -> int:
        """How many facts there are."""
        return len(self.given_up) + len(self.kept) + self.proposed.changes

    def resume(self, turn: LoopTurn) -> None:
        """A turn has finished: the next plan resumes the loop behind it and need not know what happened in it."""
        for node in turn.inner:
            self._telling.pop(node, None)
            self.loops.pop(node, None)
        self.loops[turn.loop] = turn.next
        self.proposed.leave_out(turn.steps)

    def start_over(self) -> None:
        """The next plan holds all turns again."""
        self.loops, self.finished, self.repeats, self.pinned = {}, {}, {}, {}
        self._telling = dict.fromkeys((*self.given_up, *self._dropped, *self.kept))
        self.proposed.start_over()

    def decomposed(self, decompositions: Iterable[Decomposition]) -> None:
        """Goals have been decomposed, and later plans are to hold the same steps."""
        self._decompositions.update({one.owner: one for one in decompositions})

    def accepted(self) -> None:
        """The plan that was asked for last, or a prefix of it, counts from here on."""
        self.planned = self.told
        del self.changes[: self._told_changes]
        self._told_changes = 0
        self.proposed.planned()

    def not_planned(self) -> None:
        """The plan that was asked for last will not come: the next one is told everything that it was told."""
        self.told, self._told_changes = self.planned, 0

    def taken(self) -> Facts:
        """All of them, for a plan that is asked for now."""
        self.asks_s = math.inf
        self.told, self._told_changes = self.count, len(self.changes)
        proposals = self.proposed.taken()
        return Facts(
            given_up={name: self.given_up[name] for name in self._telling if name in self.given_up},
            fan_outs={
                name: Elements(
                    dropped=dict(self._dropped.get(name, {})), kept=self.kept.get(name), failed=self._failed.get(name)
                )
                for name in sorted(self._telling)
                if name in self._dropped or name in self.kept
            },
            loops=dict(self.loops),
            finished=dict(self.finished),
            proposals=proposals,
            reverts=dict(self.reverts),
            reverted=dict(self.reverted),
            decompositions=tuple(one for owner, one in self._decompositions.items() if not owner or owner in proposals),
            repeats=dict(self.repeats),
            undo=self.undo,
        )
