"""Discrete-event simulation of a run: the real `RunState` in virtual time, with models of planner and agents.

Nothing here waits. The clock jumps from event to event, so a run of hours takes milliseconds, and the same models give
the same history. Tests, virtual benchmarks and replays differ only in their models and faults.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

from planners.model import AttemptId
from reconciler.runtime.outbox import leaves_the_process
from reconciler.runtime.recovery import Recovery, recover
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.handoff import Failure
from reconciler.state.outcomes import Outcome
from reconciler.state.quorums import answer_to
from reconciler.state.run import RunState

# What a model answers: events and the moments (seconds from admission) at which they reach the run.
Timed = tuple[float, e.Event]
PlannerModel = Callable[[c.RequestPlan, float], Iterable[Timed]]
AgentModel = Callable[[c.Dispatch, float], Iterable[Timed]]
VerifyModel = Callable[[c.Verify, float], Iterable[Timed]]
QuorumModel = Callable[[c.EvaluateQuorum, float], Iterable[Timed]]
# When a staged output is known to be out; None: its promotion fails or never ends.
PromotionModel = Callable[[c.Promote, float], float | None]
# Called with every event that is handled, every command that is carried out and every recovery, at its moment.
Watch = Callable[[float, e.Event | c.Command | Recovery], None]


class Stalled(Exception):
    """The run has handled more events than a run of its size can need."""


@dataclass(frozen=True, slots=True)
class Restart:
    """The service is killed once it has handled this many events of the run, and started again.

    Attributes:
        after: events handled, counted over all restarts.
        unrecorded: how many of the last events the journal does not hold.
        unsent: how many recorded events before those have commands that waited for the disk and did not leave the
            process.
    """

    after: int
    unrecorded: int = 0
    unsent: int = 0

    @property
    def sent(self) -> int:
        """Of how many events the commands that wait for the disk leave the process."""
        return self.after - self.unrecorded - self.unsent


class _Promoted(NamedTuple):
    attempt: AttemptId


class _Queued(NamedTuple):
    at_s: float
    ticket: int
    news: e.Event | _Promoted
    outside: bool  # it comes from outside the service, so a restart does not lose it


def _never_known(command: c.Verify, now_s: float) -> Iterable[Timed]:
    yield now_s, e.AttemptVerified(at_s=now_s, attempt=command.attempt)


def _never_reached(command: c.EvaluateQuorum, now_s: float) -> Iterable[Timed]:
    yield now_s, answer_to(command, holds=False)


def _at_once(_: c.Promote, now_s: float) -> float:
    return now_s


def _unseen(_: float, __: e.Event | c.Command | Recovery) -> None: ...


@dataclass
class Simulation:
    """One run in virtual time.

    Args:
        run: a fresh run. A restart replaces it by one that is recovered from ``events``.
        planner: answers a request for a plan; both speculative and optimal plans.
        agents: what becomes of an attempt.
        verifier: answers whether an attempt in doubt has acted; by default it is not known.
        evaluator: answers whether the condition of a fan-out holds; by default it never does.
        promoter: when a promoted output is out; by default at once.
        faults: events that come from outside, such as lost nodes and cancellations.
        restarts: kills of the service, in order.
        cancels_arrive: whether a flushed attempt still reports. If not, its late result reaches the run all the same,
            as when a cancellation gets lost.
        orphans_report: whether attempts that a restart has orphaned still report.
        watch: sees everything, for stories and for models that must know of restarts.
        most_events: bounds the simulation.
        events: what the journal holds.
        commands: what the run wanted done, whether or not it was carried out before a restart.
    """

    run: RunState
    planner: PlannerModel
    agents: AgentModel
    verifier: VerifyModel = _never_known
    evaluator: QuorumModel = _never_reached
    promoter: PromotionModel = _at_once
    faults: Iterable[Timed] = ()
    restarts: Iterable[Restart] = ()
    cancels_arrive: bool = False
    orphans_report: bool = False
    watch: Watch = _unseen
    most_events: int = 2_000
    events: list[e.Event] = field(default_factory=list)
    commands: list[c.Command] = field(default_factory=list)
    promoted: set[AttemptId] = field(default_factory=set)
    lost_effects: Failure | None = None

    def __post_init__(self) -> None:
        self._task = self.run.task  # as it was admitted: its limits may be raised
        self._queue: list[_Queued] = []
        self._ticket = count()
        self._flushed: set[AttemptId] = set()
        self._promoting: set[AttemptId] = set()
        self._restarts = deque(self.restarts)
        self._handled = self._handled_before = 0  # in all lives of the service, and in those before this one
        self._holds = False  # whether a command waits for a disk that will be too late
        self._outside: list[bool] = []  # of each event in the journal

    @property
    def result(self) -> c.EndRun | None:
        """How the run has ended; None while it has not."""
        return self.run.end

    @property
    def succeeded(self) -> bool:
        """Whether the task has succeeded: its run has, and all its effects are known to be out."""
        return (
            self.run.status is c.RunStatus.SUCCEEDED and self.lost_effects is None and self._promoting <= self.promoted
        )

    @property
    def outcomes(self) -> list[Outcome]:
        """What the learner would have been told."""
        return [command.outcome for command in self.commands if isinstance(command, c.Learn)]

    def play(self) -> c.EndRun | None:
        """Run to the end; None when nothing more can happen and the run has not ended.

        Raises:
            Stalled: after ``most_events`` events.
        """
        self._post(0.0, e.RunStarted(at_s=0.0))
        for at_s, event in self.faults:
            self.post(at_s, event)
        return self.go_on()

    def go_on(self) -> c.EndRun | None:
        """Handle what is queued; as `play` for a run that has begun."""
        while self._queue or self._holds:
            if not self._queue:
                self._restart(self._restarts.popleft())
                continue
            if self._handled >= self.most_events:
                raise Stalled(f"{self._handled} events, and task {self.run.id} has not ended")
            at_s, _, news, outside = heapq.heappop(self._queue)
            if isinstance(news, _Promoted):
                self.promoted.add(news.attempt)
            elif not (self.cancels_arrive and getattr(news, "attempt", None) in self._flushed):
                self._step(news.model_copy(update={"at_s": at_s}), outside=outside)
        return self.result

    def post(self, at_s: float, event: e.Event) -> None:
        """Queue an event from outside. Events of one moment are handled in the order in which they were queued."""
        self._post(at_s, event, outside=True)

    def _post(self, at_s: float, news: e.Event | _Promoted, *, outside: bool = False) -> None:
        heapq.heappush(self._queue, _Queued(at_s, next(self._ticket), news, outside))

    def _post_all(self, answers: Iterable[Timed]) -> None:
        for at_s, event in answers:
            self._post(at_s, event)

    def _step(self, event: e.Event, *, outside: bool) -> None:
        self._handled += 1
        event = self.run.checked(event)
        self.events.append(event)
        self._outside.append(outside)
        self.watch(event.at_s, event)
        for command in self.run.handle(event):
            self.commands.append(command)
            if self._disk_is_late and leaves_the_process(command):
                self._holds = True
            else:
                self._carry_out(command, event.at_s)
        if self._restarts and self._handled >= self._restarts[0].after:
            self._restart(self._restarts.popleft())

    @property
    def _disk_is_late(self) -> bool:
        """Whether the service is killed before what waits for the disk leaves it."""
        return bool(self._restarts) and self._handled > self._restarts[0].sent

    def _carry_out(self, command: c.Command, now_s: float) -> None:
        self.watch(now_s, command)
        match command:
            case c.RequestPlan():
                self._post_all(self.planner(command, now_s))
            case c.Dispatch():
                self._post_all(self.agents(command, now_s))
            case c.Verify():
                self._post_all(self.verifier(command, now_s))
            case c.EvaluateQuorum():
                self._post_all(self.evaluator(command, now_s))
            case c.Promote(attempt=attempt):
                self._promoting.add(attempt)
                if (out_s := self.promoter(command, now_s)) is not None:
                    self._post(out_s, _Promoted(attempt))
            case c.WakeAt(at_s=at_s):
                self._post(max(at_s, now_s), e.TimePassed(at_s=at_s))
            case c.Flush(attempts=attempts):
                self._flushed.update(attempts)
            case _:  # confirmations, restored outputs and outcomes have no consequence for the run itself
                pass

    def _restart(self, restart: Restart) -> None:
        """Forget everything but the journal and what comes from outside, and recover."""
        now_s, handled = self.run.at_s, self._handled - self._handled_before
        unrecorded = min(handled, max(0, self._handled - restart.after + restart.unrecorded))
        known = len(self.events) - unrecorded
        self._handled_before, self._holds = self._handled, False
        # Whoever got no acknowledgement asks again.
        again = [event for event, outside in zip(self.events[known:], self._outside[known:], strict=True) if outside]
        del self.events[known:], self._outside[known:]
        self.run = RunState(self.run.id, self._task, self.run.catalog)
        finished = [event.attempt for event in self.events if isinstance(event, e.AttemptFinished)]
        staged: dict[AttemptId, dict[str, bytes]] = {one: {} for one in finished if one not in self.promoted}
        recovery = recover(self.run, self.events, frozenset(self.promoted), staged)
        self._queue = [queued for queued in self._queue if queued.outside or self._is_orphan(queued.news)]
        heapq.heapify(self._queue)
        self._flushed = set()
        if recovery is None:
            self._post(now_s, e.RunStarted(at_s=now_s))
        else:
            self._go_on_from(recovery, now_s)
        for event in again:
            self.post(now_s, event)

    def _is_orphan(self, news: e.Event | _Promoted) -> bool:
        if not self.orphans_report or not isinstance(news, e.AttemptStarted | e.AttemptFinished | e.AttemptFailed):
            return False
        return news.attempt in self.run.attempts

    def _go_on_from(self, recovery: Recovery, now_s: float) -> None:
        self.lost_effects = recovery.lost_effects
        self.watch(now_s, recovery)
        for event in recovery.events:
            self._post(now_s, event)
        for command in recovery.commands:
            self._carry_out(command, now_s)
