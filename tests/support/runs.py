"""Chains of steps, and runs that speculate on them, driven by single events."""

from worlds import a_run, planned

from planners.bindings import StepRef, Value
from planners.model import StepId
from planners.plans import PlanKind
from planners.workflow import Step
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.conditions import Conditions
from reconciler.state.handoff import Handoff

SOON = Conditions(prior_plan_s=3.0)


def chain(*capabilities, literal=1):
    """Steps a -> b -> c ... each reading the one before."""
    steps = []
    for index, capability in enumerate(capabilities):
        inputs = {"k": Value(value=literal)}
        if steps:
            inputs["one"] = StepRef(step=steps[-1].id)
        steps.append(Step(id=StepId("abcdef"[index]), capability=capability, inputs=inputs))
    return steps


def plan(steps, *, kind=PlanKind.OPTIMAL, agent="small", node="n1", **more):
    agents = [f"{step.capability}-{agent}" for step in steps]
    return planned(steps, agents, [node] * len(steps), kind, **more)


def guess(steps, **more):
    return plan(steps, kind=PlanKind.SPECULATIVE, **more)


def speculating(steps, conditions=SOON, **more):
    """A run with a guess at these steps; returned with what it dispatched."""
    run = a_run()
    run.handle(e.RunStarted(at_s=0.0))
    commands = run.handle(e.SpeculativePlanReady(at_s=0.01, plan=guess(steps, **more), conditions=conditions))
    return run, commands


def finished(run, attempt, at_s, output="x", seconds=0.5):
    return run.handle(e.AttemptFinished(at_s=at_s, attempt=attempt, handoff=Handoff(output=output), seconds=seconds))


def names(commands):
    return [type(command).__name__ for command in commands if not isinstance(command, c.Learn)]


def verdicts(run):
    return {attempt.id: attempt.verdict for attempt in run.attempts.values()}
