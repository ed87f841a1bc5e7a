"""Discrete-event simulation of a run: the real `RunState` in virtual time, with models of planner and agents.

Nothing here waits. The clock jumps from event to event, so a run of hours takes milliseconds, and the same models give
the same history. Tests, virtual benchmarks and replays differ only in their models and faults.
"""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count

from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.outcomes import Outcome
from reconciler.state.run import RunState

# What a model answers: events and the moments (seconds from admission) at which they reach the run.
Timed = tuple[float, e.Event]
PlannerModel = Callable[[c.RequestPlan, float], Iterable[Timed]]
AgentModel = Callable[[c.Dispatch, float], Iterable[Timed]]


class Stalled(Exception):
    """The run has handled more events than a run of its size can need."""


@dataclass
class Simulation:
    """One run in virtual time.

    Args:
        run: a fresh run.
        planner: answers a request for a plan; both speculative and optimal plans.
        agents: what becomes of an attempt.
        faults: events that come from outside, such as lost nodes and cancellations.
        cancels_arrive: whether a flushed attempt still reports. If not, its late result reaches the run all the same,
            as when a cancellation gets lost.
        most_events: bounds the simulation.
    """

    run: RunState
    planner: PlannerModel
    agents: AgentModel
    faults: Iterable[Timed] = ()
    cancels_arrive: bool = False
    most_events: int = 2_000
    events: list[e.Event] = field(default_factory=list)
    commands: list[c.Command] = field(default_factory=list)
    result: c.EndRun | None = None

    def __post_init__(self) -> None:
        self._queue: list[tuple[float, int, e.Event]] = []
        self._ticket = count()
        self._flushed: set[str] = set()

    @property
    def outcomes(self) -> list[Outcome]:
        """What the learner would have been told."""
        return [command.outcome for command in self.commands if isinstance(command, c.Learn)]

    def play(self) -> c.EndRun | None:
        """Run to the end; None when nothing more can happen and the run has not ended.

        Raises:
            Stalled: after ``most_events`` events.
        """
        self.post(0.0, e.RunStarted(at_s=0.0))
        for at_s, event in self.faults:
            self.post(at_s, event)
        return self.go_on()

    def go_on(self) -> c.EndRun | None:
        """Handle what is queued; as `play` for a run that has begun."""
        while self._queue:
            if len(self.events) >= self.most_events:
                raise Stalled(f"{len(self.events)} events, and task {self.run.id} has not ended")
            at_s, _, event = heapq.heappop(self._queue)
            if self.cancels_arrive and getattr(event, "attempt", None) in self._flushed:
                continue
            self._step(event.model_copy(update={"at_s": at_s}))
        return self.result

    def post(self, at_s: float, event: e.Event) -> None:
        """Queue an event. Events of the same moment are handled in the order in which they were queued."""
        heapq.heappush(self._queue, (at_s, next(self._ticket), event))

    def _step(self, event: e.Event) -> None:
        self.events.append(event)
        for command in self.run.handle(event):
            self.commands.append(command)
            self._carry_out(command, event.at_s)

    def _carry_out(self, command: c.Command, now_s: float) -> None:
        match command:
            case c.RequestPlan():
                self._post_all(self.planner(command, now_s))
            case c.Dispatch():
                self._post_all(self.agents(command, now_s))
            case c.WakeAt(at_s=at_s):
                self.post(at_s, e.TimePassed(at_s=at_s))
            case c.Flush(attempts=attempts):
                self._flushed.update(attempts)
            case c.EndRun():
                self.result = command
            case _:  # confirmations, promotions and outcomes have no consequence for the run itself
                pass

    def _post_all(self, answers: Iterable[Timed]) -> None:
        for at_s, event in answers:
            self.post(at_s, event)
