"""Declared workflows in virtual time with steps that fail, and steps that act or promote, while plans are made."""

import pytest
from declared import CATALOG, Declared, a_task, step

from planners.agents import Catalog
from reconciler.state import commands as c
from reconciler.state.handoff import Failure, FailureKind

FAILS, FAILS_TOO, SLOW = 9, 8, 7
SECONDS = {1: 0.1, 2: 0.3, 3: 0.2, FAILS: 0.15, SLOW: 20.0}
PLAN_S = 0.5
BAD = Failure(kind=FailureKind.BAD_INPUT, message="bad")
DISCLOSING = CATALOG.by_name["doer"].model_copy(update={"name": "teller", "capability": "tell", "discloses": True})
AGENTS = Catalog(agents=(*CATALOG.agents, DISCLOSING))
LASTING = pytest.mark.parametrize("capability", ["act", "tell", "file"])
MODES = pytest.mark.parametrize("mode", ["wait", "forerun"])


def made(_capability, inputs, _number):
    if inputs.get("n") in {FAILS, FAILS_TOO}:
        return Failure(kind=FailureKind.BAD_INPUT, message="bad")
    return inputs.get("all", inputs.get("n"))


def seconds(_capability, inputs, _number):
    return SECONDS.get(inputs.get("n"), 0.05)


def work(name, n, capability="do", **more):
    return step(name, capability, inputs={"n": n}, **more)


def played(steps, *, mode="wait", plan_s=PLAN_S, **more):
    task = a_task(steps, mode=mode)
    agents = {"output": made, "seconds": seconds, "plan_s": plan_s}
    return Declared(task, **agents, catalog=AGENTS, happened=False, **more).play()


def begun(world, name):
    return [attempt for attempt in world.run.attempts.values() if attempt.step.id == name]


def promoted(world):
    commands = [one for one in world.simulation.commands if isinstance(one, c.Promote)]
    return [world.run.attempts[one.attempt].step.id for one in commands]
