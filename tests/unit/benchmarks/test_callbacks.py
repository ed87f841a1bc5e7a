"""The benchmark of callbacks serves a shard on its own event loop and measures every part."""

import asyncio

import pytest

from benchmarks.callbacks import callback_seconds, run
from reconciler.state.run import RunState


@pytest.fixture(autouse=True)
def unchecked(monkeypatch):
    """Checking a run after every event costs work in proportion to its size."""
    monkeypatch.setattr(RunState, "validates", False)


def test_every_part_is_measured():
    figures = run(steps=3, listed=2, listed_steps=2)

    assert list(figures) == ["side by side", "chain", "guessed", "list"]
    assert all(part["callbacks"] > 0 and part["p999_ms"] > 0 for part in figures.values())
    assert figures["list"]["tasks"] == 2
    assert figures["chain"]["events"] >= 3


async def test_every_callback_is_timed_and_the_loop_is_left_as_it_was():
    plain = asyncio.events.Handle._run
    with callback_seconds() as durations:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    assert len(durations) >= 2
    assert asyncio.events.Handle._run is plain
