"""The benchmark of the run state machine plays whole runs of every shape."""

import pytest

from benchmarks.kernel import run
from reconciler.state.run import RunState


@pytest.fixture(autouse=True)
def unchecked(monkeypatch):
    """Checking a run after every event costs work in proportion to its size."""
    monkeypatch.setattr(RunState, "validates", False)


def test_every_shape_is_measured_at_every_size():
    figures = run(sizes=(3, 20), repeats=1)

    shapes = {f"{shape}{limits}" for shape in ("chain", "wide", "guessed") for limits in ("", ", budget")}
    assert figures["us_per_event"].keys() == figures["plan_us_per_step"].keys() == shapes
    assert all(len(costs) == 2 and min(costs) > 0 for costs in figures["us_per_event"].values())
