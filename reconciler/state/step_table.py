"""The states of all steps of one plan, and which of them are ready, retrying, blocked or in doubt.

Each change costs the step itself and its children, never the plan.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from copy import copy
from itertools import chain
from typing import Any

from planners.model import AgentName, AttemptId, NodeId, StepId, WorkKey
from planners.plans import Plan, PlannedStep
from reconciler.state import planned_states
from reconciler.state.attempts import Attempt
from reconciler.state.awaited_steps import AwaitedSteps
from reconciler.state.commands import PlanReason
from reconciler.state.step_state import WITHOUT_ATTEMPT, StepState, StepStatus

_STATUSES_UNDER_WAY = (
    StepStatus.READY,
    StepStatus.HELD,
    StepStatus.DISPATCHED,
    StepStatus.RUNNING,
    StepStatus.RETRYING,
)
_DONE = (StepStatus.FINISHED, StepStatus.SKIPPED, StepStatus.FAILED)
Moved = Callable[[StepId, StepStatus, StepStatus], None]


class StepTable(Mapping[StepId, StepState]):
    """The steps of one plan by id.

    A parent that the plan does not hold (it is behind something not unrolled yet) never finishes, so its children wait.
    """

    def __init__(self, steps: Iterable[StepId] = ()) -> None:
        self._states: dict[StepId, StepState] = {}
        self._retired: dict[StepId, StepState] = {}  # of steps that the plan does not hold any more
        self._retired_counts: defaultdict[StepStatus, int] = defaultdict(int)
        self.awaited = AwaitedSteps(steps)
        self.counted_s: dict[StepId, float] = {}  # since when steps count that had run ahead of others
        self._counts: defaultdict[StepStatus, int] = defaultdict(int)
        self._done = self._going = 0  # asked for at every event
        self._retries: list[tuple[float, StepId]] = []
        self.moved: Moved | None = None  # told of every change of a step
        # The steps that the last event took into a state that no attempt shows, or out of one.
        self.changed: list[StepId] = []
        self.ready: dict[StepId, None] = {}
        self.blocked: dict[StepId, None] = {}
        self.in_doubt: dict[StepId, None] = {}

    @classmethod
    def of(  # noqa: PLR0913 what the states depend on
        cls,
        plan: Plan,
        keys: Mapping[StepId, WorkKey],
        adopted: Mapping[StepId, Attempt],
        at_s: float,
        before: "StepTable",
        *,
        gone: Collection[StepId] = (),
        proposing: Collection[StepId] = (),
    ) -> "StepTable":
        """The states that a plan gives its steps.

        Args:
            plan: the optimal plan, or a prefix of it.
            keys: the work key of each step.
            adopted: step -> the attempt that serves it.
            at_s: now.
            before: the states under the plan before it, whose stories go on.
            gone: steps that the workflow goes on without, although the plan may hold them: it was asked for before.
            proposing: steps whose attempts have finished and proposed what the plan does not hold yet.

        Raises:
            IllegalTransition: the plan takes back what cannot be taken back.
        """
        table = cls()
        table._take_retired(before)
        table.changed, table.counted_s = before.changed, before.counted_s
        finished = {step for step, attempt in adopted.items() if attempt.finished and step not in proposing}
        table.awaited = AwaitedSteps.of_plan(plan, finished, before.counts)
        for planned in plan.steps:
            served, waits = adopted.get(planned.id), table.awaited.open(planned.id) > 0
            state = planned_states.planned(planned.id, keys[planned.id], served, at_s, waits=waits)
            if served is not None and planned.id in proposing:
                since_s, why = served.counts_s, PlanReason.PROPOSED
                state = StepState(planned.id, state.work_key, StepStatus.BLOCKED, since_s, blocked_by=why)
            former = before.get(planned.id)
            if planned.id not in gone:
                table._replan(former, state if former is None else former.replanned(state))
            elif former is not None:
                table._put(former)
            else:
                table._put(StepState(planned.id, state.work_key, StepStatus.SKIPPED, at_s, "its element was dropped"))
        for skipped in plan.skipped:
            former = before.get(skipped.id)
            table._replan(former, planned_states.skipped(skipped, at_s, former))
        return table

    def __getitem__(self, step: StepId) -> StepState:
        state = self._states.get(step)
        return self._retired[step] if state is None else state

    def __iter__(self) -> Iterator[StepId]:
        return chain(self._retired, self._states)

    def __len__(self) -> int:
        return len(self._retired) + len(self._states)

    @property
    def unfinished(self) -> int:
        """How many steps have still to finish."""
        return len(self._states) + len(self._retired) - self._done

    @property
    def statuses(self) -> dict[StepId, StepStatus]:
        """Those of the steps of the plan."""
        return {step: state.status for step, state in self._states.items()}

    def retire(self, steps: Iterable[StepId]) -> None:
        """These steps have ended, and the next plan does not hold them. Their states stay as they are."""
        for step in steps:
            if (state := self._states.pop(step, None)) is not None:
                self._retired[step] = state
                self._retired_counts[state.status] += 1

    def recall(self, steps: Iterable[StepId]) -> None:
        """The next plan holds these retired steps again."""
        for step in steps:
            if (state := self._retired.pop(step, None)) is not None:
                self._states[step] = state
                self._retired_counts[state.status] -= 1

    def leave(self, step: StepId, status: StepStatus, at_s: float, cause: str) -> None:
        """A step, retired or not, has ended. Its children have ended before it, so none of them becomes ready."""
        if status is StepStatus.FINISHED:
            self.awaited.finish(step)
        if (former := self._retired.get(step)) is None:
            self._move(step, status, at_s, cause, attempt=self._states[step].attempt)
            return
        self._retired[step] = former.to(status, at_s, cause, attempt=former.attempt)
        for counts in (self._counts, self._retired_counts):
            counts[former.status] -= 1
            counts[status] += 1
        self.changed.append(step)

    def restore(self, steps: Iterable[PlannedStep]) -> None:
        """The plan holds these finished steps again."""
        self._states, self._retired = {**self._retired, **self._states}, {}
        self._retired_counts = defaultdict(int)
        for planned in steps:
            self.awaited.restore(planned)

    def _take_retired(self, before: "StepTable") -> None:
        self._retired, self._retired_counts = before._retired, before._retired_counts  # noqa: SLF001 -- of this class
        self._counts.update(self._retired_counts)
        self._done = len(self._retired)

    @property
    def under_way(self) -> bool:
        """Whether some step will go on without a new plan and without anybody's answer."""
        return self._going > 0

    def count(self, status: StepStatus) -> int:
        """How many steps are in this state."""
        return self._counts[status]

    def snapshot(self) -> "StepTable":
        """A copy that does not change with this one. Linear."""
        still = copy(self)
        still._states, still._retired = dict(self._states), dict(self._retired)  # noqa: SLF001
        still.moved = None
        still._counts = self._counts.copy()  # noqa: SLF001
        return still

    def attempt_of(self, step: StepId) -> AttemptId:
        """The attempt that serves a step.

        Raises:
            LookupError: none does, or there is no such step.
        """
        if (attempt := self._states[step].attempt) is None:
            raise LookupError(f"step '{step}' has not run")
        return attempt

    def open_parents(self, step: StepId) -> int:
        """How many of the steps that it waits for have not finished."""
        return self.awaited.open(step)

    def counts(self, step: StepId) -> bool:
        """Whether it has finished, and all that it follows, too."""
        return self._is_finished(step) and step not in self.awaited.early

    def _is_finished(self, step: StepId) -> bool:
        return (state := self._states.get(step)) is not None and state.status is StepStatus.FINISHED

    def dispatch(self, step: StepId, attempt: AttemptId, at_s: float, *, running: bool = False) -> None:
        """An attempt has been dispatched for it, and runs already if it waits for nothing."""
        status, cause = (StepStatus.RUNNING, "started") if running else (StepStatus.DISPATCHED, "dispatched")
        self._move(step, status, at_s, cause, attempt=attempt)

    def start(self, step: StepId, at_s: float) -> None:
        """Its attempt runs."""
        self._move(step, StepStatus.RUNNING, at_s, "started", attempt=self._states[step].attempt)

    def hand_over(self, step: StepId, attempt: AttemptId, at_s: float, *, running: bool) -> None:
        """Another attempt serves it from here on: the hedge beside the one before."""
        status = StepStatus.RUNNING if running else StepStatus.DISPATCHED
        self._move(step, status, at_s, "its hedge takes over", attempt=attempt)

    def finish(self, step: StepId, at_s: float, cause: str = "finished") -> list[StepId]:
        """Its output is there; children whose parents have all finished become ready.

        Returns the steps that count as finished from now on.
        """
        early = self.awaited.finish_early(step, lambda one: one in self._states and not self._is_finished(one))
        self._move(step, StepStatus.FINISHED, at_s, cause, attempt=self._states[step].attempt)
        counted = [] if early else [step]
        for child in self.awaited.finish(step):
            if self._states[child].status is StepStatus.WAITING:
                self._open(child, at_s, f"'{step}' finished", self._states[child].retry_at_s)
            elif child in self.awaited.early:
                del self.awaited.early[child]
                self.counted_s[child] = at_s
                self._tell(child, StepStatus.RUNNING, StepStatus.FINISHED)
                counted.append(child)
        return counted

    def retry(self, step: StepId, at_s: float, retry_at_s: float, cause: str) -> None:
        """It may be dispatched again from ``retry_at_s`` on."""
        self._open(step, at_s, cause, retry_at_s)

    def block(
        self,
        step: StepId,
        at_s: float,
        reason: PlanReason,
        *,
        node: NodeId | None = None,
        agent: AgentName | None = None,
    ) -> None:
        """It waits for a new plan; nothing changes where it is blocked already."""
        if step not in self.blocked:
            self._move(step, StepStatus.BLOCKED, at_s, "", blocked_by=reason, node=node, agent=agent)

    def doubt(self, step: StepId, at_s: float, cause: str) -> None:
        """Its irreversible attempt may have acted."""
        if self._states[step].status is StepStatus.FINISHED:
            self._close_children(step, at_s, cause)
        self._move(step, StepStatus.IN_DOUBT, at_s, cause, attempt=self._states[step].attempt)

    def lose_output(self, step: StepId, at_s: float, cause: str) -> None:
        """What it had made is gone: it runs again, and its children wait."""
        self._close_children(step, at_s, cause)
        self._open(step, at_s, cause, None)

    def fail(self, step: StepId, at_s: float, cause: str) -> None:
        """It failed for good."""
        self._move(step, StepStatus.FAILED, at_s, cause, attempt=self._states[step].attempt)

    def hold(self, step: StepId, at_s: float, cause: str) -> None:
        """A fan-out around it is at its limit."""
        self._move(step, StepStatus.HELD, at_s, cause)

    def release(self, step: StepId, at_s: float, cause: str = "its fan-out has room") -> None:
        """It need not be held any more."""
        if self._states[step].status is StepStatus.HELD:
            self._move(step, StepStatus.READY, at_s, cause)

    def skip(self, step: StepId, at_s: float, cause: str) -> None:
        """It is not run, or its output is of no use: its children wait."""
        if self._is_finished(step):
            self._close_children(step, at_s, cause)
        self._move(step, StepStatus.SKIPPED, at_s, cause)

    def release_due(self, at_s: float) -> None:
        """Steps whose retry is due become ready."""
        while self._retries and self._retries[0][0] <= at_s:
            due_s, step = heapq.heappop(self._retries)
            state = self._states[step]
            if state.status is StepStatus.RETRYING and state.retry_at_s == due_s:
                self._move(step, StepStatus.READY, at_s, "retry is due")

    def _open(self, step: StepId, at_s: float, cause: str, retry_at_s: float | None) -> None:
        """Waiting while a parent is not finished, else retrying while its pause lasts, else ready."""
        due_s = retry_at_s if retry_at_s is not None and retry_at_s > at_s else None
        if self.awaited.open(step):
            if self._states[step].status is not StepStatus.WAITING:
                self._move(step, StepStatus.WAITING, at_s, cause, retry_at_s=due_s)
        elif due_s is not None:
            self._move(step, StepStatus.RETRYING, at_s, cause, retry_at_s=due_s)
        elif self._states[step].status is not StepStatus.READY:
            self._move(step, StepStatus.READY, at_s, cause)

    def _close_children(self, step: StepId, at_s: float, cause: str) -> None:
        for child in self.awaited.reopen(step):
            if self._states[child].status in (StepStatus.READY, StepStatus.HELD, StepStatus.RETRYING):
                self._move(child, StepStatus.WAITING, at_s, cause, retry_at_s=self._states[child].retry_at_s)

    def _move(self, step: StepId, status: StepStatus, at_s: float, cause: str, **details: Any) -> None:
        former = self._states[step]
        following = former.to(status, at_s, cause, **details)
        self._count(former.status, -1)
        for index in (self.ready, self.blocked, self.in_doubt):
            index.pop(step, None)
        self._put(following)
        self._note(former, following)
        if step not in self.awaited.early:
            self._tell(step, former.status, status)
        elif status is not StepStatus.FINISHED:
            del self.awaited.early[step]
            self._tell(step, StepStatus.RUNNING, status)

    def _tell(self, step: StepId, before: StepStatus, now: StepStatus) -> None:
        if self.moved is not None:
            self.moved(step, before, now)

    def _replan(self, former: StepState | None, state: StepState) -> None:
        self._put(state)
        if state is not former:
            self._note(former, state)

    def _note(self, former: StepState | None, state: StepState) -> None:
        if state.status in WITHOUT_ATTEMPT or (former is not None and former.status in WITHOUT_ATTEMPT):
            self.changed.append(state.step)

    def _count(self, status: StepStatus, by: int) -> None:
        self._counts[status] += by
        if status in _STATUSES_UNDER_WAY:
            self._going += by
        elif status in _DONE:
            self._done += by

    def _put(self, state: StepState) -> None:
        self._states[state.step] = state
        self._count(state.status, 1)
        match state.status:
            case StepStatus.READY:
                self.ready[state.step] = None
            case StepStatus.BLOCKED:
                self.blocked[state.step] = None
            case StepStatus.IN_DOUBT:
                self.in_doubt[state.step] = None
            case StepStatus.RETRYING:
                assert state.retry_at_s is not None
                heapq.heappush(self._retries, (state.retry_at_s, state.step))
