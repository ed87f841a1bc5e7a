"""Runs in virtual time with a function as planner and agents, and runs driven by single events."""

import heapq
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

from planners.plans import Plan
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.run import RunState

Answer = Callable[[Any, float], Iterable[e.Event]]


def play(run: RunState, answer: Answer, *before: e.Event, most: int = 2000) -> c.RunStatus:
    """Play a run until nothing more happens or ``most`` events are handled; returns its status.

    ``answer(command, now_s)`` gives the events that follow from a command, at any later time. ``before`` are handled
    before the run starts.
    """
    order = count()
    queue = [(event.at_s, next(order), event) for event in (*before, e.RunStarted(at_s=0.0))]
    while queue and most and not run.status.ended:
        most -= 1
        at_s, _, event = heapq.heappop(queue)
        for command in run.handle(event):
            for following in answer(command, at_s):
                heapq.heappush(queue, (following.at_s, next(order), following))
    return run.status


class ToldRun:
    """A run driven by single events. `plan` answers its latest request for a plan."""

    def __init__(self, run: RunState) -> None:
        self.run = run
        self.asked: list[c.RequestPlan] = []
        self.dispatched: list[c.Dispatch] = []
        self.tell(e.RunStarted(at_s=0.0))

    def tell(self, event: e.Event) -> list[c.Command]:
        commands = self.run.handle(event)
        self.asked += [command for command in commands if isinstance(command, c.RequestPlan)]
        self.dispatched += [command for command in commands if isinstance(command, c.Dispatch)]
        return commands

    def plan(self, at_s: float, plan: Plan) -> list[c.Command]:
        return self.tell(e.OptimalPlanReady(at_s=at_s, plan=plan, epoch=self.asked[-1].epoch))
