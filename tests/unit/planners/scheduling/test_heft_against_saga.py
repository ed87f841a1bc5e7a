"""HEFT has the makespan of anrg-saga's HEFT on problems that both can represent."""

import logging
import random

import pytest

from benchmarks.planner_cases import TraceCosts
from benchmarks.planner_referee import compared
from planners.workflow import FlatWorkflow, Step


@pytest.mark.parametrize("seed", range(5))
def test_heft_has_the_makespan_of_the_reference(seed, caplog):
    pytest.importorskip("saga")
    caplog.set_level(logging.ERROR)  # it warns of every schedule
    draw = random.Random(seed)
    steps, seconds = [], {}
    for i in range(25):
        parents = draw.sample(range(i), min(i, draw.choice([0, 1, 2])))
        steps.append(Step(id=f"s{i}", capability=f"c{i}", inputs={f"p{p}": f"$steps.s{p}" for p in parents}))
        seconds[f"s{i}"] = draw.uniform(5, 50)
    costs = TraceCosts(seconds, {f"c{i}": draw.uniform(1e6, 1e8) for i in range(25)})
    ours, theirs = compared(FlatWorkflow(steps=tuple(steps)), costs)["heft"]
    assert ours == pytest.approx(theirs, rel=2e-3)
