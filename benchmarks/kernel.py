"""What the run state machine costs: microseconds of CPU an event, by shape and number of steps. Nothing else runs."""

import gc
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pydantic import PositiveInt

from planners.agents import AgentSpec, Catalog, Price
from planners.bindings import Binding, StepRef, Value
from planners.model import NodeId, StepId, TaskId
from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.tasks import Limits, Mode, PlanningOptions, Task
from planners.work_keys import InputDigests, work_keys
from planners.workflow import Step, Workflow
from reconciler.gate import GatePolicy
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.conditions import Conditions
from reconciler.state.handoff import Handoff
from reconciler.state.run import RunState

CATALOG = Catalog(agents=(AgentSpec(name="worker", capability="work", price=Price(usd_per_s=0.001)),))
NODE = NodeId("n")
# So far away that every step of a guess can run before the plan is there.
_PLAN_S = 1e6


class _Cost(NamedTuple):
    """Microseconds of handling: the mean over reports of attempts, and of the plan for each of its steps."""

    us_per_event: float
    plan_us_per_step: float


def run(sizes: Sequence[PositiveInt] = (100, 1_000, 5_000), repeats: PositiveInt = 3) -> dict[str, Any]:
    """Play runs of ``sizes`` steps: chains, steps side by side, and guesses that finish before their plan arrives.

    ``us_per_event`` is the CPU time of handling a report of an attempt, ``plan_us_per_step`` that of the arrival of the
    plan divided by its steps: the least of ``repeats``, since other work only adds to it. ``budget`` runs have a limit
    of dollars.
    """
    shapes = {"chain": _confirmed(_chain), "wide": _confirmed(_wide), "guessed": _guessed}
    limits = {"": Limits(), ", budget": Limits(budget_usd=1e9)}
    costs = {
        shape + suffix: [_least(play, size, limit, repeats) for size in sizes]
        for shape, play in shapes.items()
        for suffix, limit in limits.items()
    }
    return {
        "sizes": list(sizes),
        "us_per_event": {name: [cost.us_per_event for cost in of_sizes] for name, of_sizes in costs.items()},
        "plan_us_per_step": {name: [cost.plan_us_per_step for cost in of_sizes] for name, of_sizes in costs.items()},
    }


def _least(play: Callable[[int, Limits], _Cost], size: int, limits: Limits, repeats: int) -> _Cost:
    costs = []
    for _ in range(repeats):
        gc.collect()
        costs.append(play(size, limits))
    events, plans = zip(*costs, strict=True)
    return _Cost(round(min(events), 1), round(min(plans), 1))


def _confirmed(shape: Callable[[int], list[Step]]) -> Callable[[int, Limits], _Cost]:
    def play(size: int, limits: Limits) -> _Cost:
        plan = _plan(shape(size), PlanKind.OPTIMAL)
        return _Played(Mode.WAIT, limits).confirmed(plan)

    return play


def _guessed(size: int, limits: Limits) -> _Cost:
    steps = _chain(size)
    guess, plan = _plan(steps, PlanKind.SPECULATIVE), _plan(steps, PlanKind.OPTIMAL)
    return _Played(Mode.FORERUN, limits).guessed(guess, plan)


class _Played:
    """One run that is told events one after another; only the time in `RunState.handle` counts."""

    def __init__(self, mode: Mode, limits: Limits) -> None:
        options = PlanningOptions(mode=mode, alpha=1.0, value_of_time_usd_per_s=1.0)
        workflow = Workflow(steps=(Step(id=StepId("only"), capability="work"),))
        self._run = RunState(TaskId("t"), Task(workflow=workflow, planning=options, limits=limits), CATALOG)
        self._now_s = 0.0

    def confirmed(self, plan: Plan) -> _Cost:
        """The plan arrives, then its steps run."""
        self._timed(e.RunStarted(at_s=0))
        commands, plan_s = self._timed(e.OptimalPlanReady(at_s=1.0, plan=plan))
        return self._cost(*self._to_the_end(commands), plan_s, len(plan.steps))

    def guessed(self, guess: Plan, plan: Plan) -> _Cost:
        """All steps of a guess run, then the plan confirms them."""
        self._timed(e.RunStarted(at_s=0))
        conditions = Conditions(prior_plan_s=_PLAN_S, policy=GatePolicy(max_attempts=None, min_saved_s=0.0))
        commands, _ = self._timed(e.SpeculativePlanReady(at_s=0.1, plan=guess, conditions=conditions))
        seconds, events = self._to_the_end(commands)
        _, plan_s = self._timed(e.OptimalPlanReady(at_s=_PLAN_S, plan=plan))
        return self._cost(seconds, events, plan_s, len(plan.steps))

    def _to_the_end(self, commands: list[c.Command]) -> tuple[float, int]:
        """Report every dispatched attempt as started and finished; seconds of handling, and events."""
        total_s, events = 0.0, 0
        waiting = [command for command in commands if isinstance(command, c.Dispatch)]
        while waiting:
            order = waiting.pop()
            self._now_s += 1.0
            done = e.AttemptFinished(at_s=self._now_s, attempt=order.attempt, handoff=Handoff(output=1), seconds=1.0)
            for event in (e.AttemptStarted(at_s=self._now_s, attempt=order.attempt, node=NODE), done):
                following, seconds = self._timed(event)
                total_s, events = total_s + seconds, events + 1
                waiting += [command for command in following if isinstance(command, c.Dispatch)]
        return total_s, events

    def _timed(self, event: e.Event) -> tuple[list[c.Command], float]:
        began_s = time.thread_time()
        commands = self._run.handle(event)
        return commands, time.thread_time() - began_s

    def _cost(self, seconds: float, events: int, plan_s: float, steps: int) -> _Cost:
        if self._run.status is not c.RunStatus.SUCCEEDED:
            raise RuntimeError(f"the run has not succeeded: {self._run.end}")
        return _Cost(1e6 * seconds / events, 1e6 * plan_s / steps)


def _chain(size: int) -> list[Step]:
    steps: list[Step] = []
    for number in range(size):
        inputs: dict[str, Binding] = {"k": Value(value=number)}
        if steps:
            inputs["before"] = StepRef(step=steps[-1].id)
        steps.append(Step(id=StepId(f"s{number}"), capability="work", inputs=inputs))
    return steps


def _wide(size: int) -> list[Step]:
    return [Step(id=StepId(f"s{n}"), capability="work", inputs={"k": Value(value=n)}) for n in range(size)]


def _plan(steps: Sequence[Step], kind: PlanKind) -> Plan:
    agent = CATALOG.agents[0]
    keys = work_keys([(step, agent.identity) for step in steps], InputDigests({}))
    return Plan(
        kind=kind,
        steps=tuple(
            PlannedStep(
                step=step,
                placement=Placement(agent=agent.name, node=NODE, duration_s=1.0),
                work_key=keys[step.id],
                probability=1.0,
            )
            for step in steps
        ),
        outputs={"last": StepRef(step=steps[-1].id)},
    )
