"""An attempt that tells no progress for longer than its agent allows is stopped; progress keeps it alive."""

import asyncio

import pytest
from attempts import Attempts

from actors.agent import agent
from actors.catalog import catalog_of
from actors.context import Context
from actors.executor.local_executor import LocalExecutor
from actors.logs.limits import LogLimits
from orchestrator.local.virtual_loop import VirtualLoop
from planners.agents import AgentSpec
from reconciler.state.handoff import Failure, FailureKind


@agent(capability="work", idle_s=1.0)
async def works(context: Context, tells: int, pause_s: float) -> str:
    for number in range(tells):
        await asyncio.sleep(pause_s)
        context.progress(f"part {number}")
    await asyncio.sleep(pause_s)
    return "done"


@agent(capability="work", idle_s=1.0)
async def prints(pause_s: float) -> str:
    await asyncio.sleep(pause_s)
    print("still waiting")  # noqa: T201 - what an agent may do
    await asyncio.sleep(pause_s)
    return "done"


@agent(capability="work", idle_s=1.0)
async def shouts(context: Context) -> str:
    context.progress(1_000 * "a very long line ")
    await asyncio.sleep(30)
    return "done"


KEPT = LogLimits()


def ended(called, *, logs=KEPT, **inputs):
    """How an attempt ends, in virtual time."""

    async def attempt():
        catalog = catalog_of(works, prints, shouts)
        return await Attempts(LocalExecutor(catalog, logs=logs), "n1").run(called, **inputs)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(attempt())


def test_progress_keeps_an_attempt_alive():
    assert ended(works, tells=20, pause_s=0.9) == "done"


@pytest.mark.parametrize(("called", "inputs"), [(works, {"tells": 0, "pause_s": 1.1}), (prints, {"pause_s": 0.6})])
def test_an_attempt_without_progress_is_stopped(called, inputs):
    failure = ended(called, **inputs)

    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.TIMEOUT
    assert failure.message == "no progress for 1 s"
    assert "idle_s" in failure.fix


def test_a_step_may_allow_other_pauses_than_the_agent():
    patient = ended(works, tells=0, pause_s=1.1, idle_s=2.0)
    strict = ended(works, tells=20, pause_s=0.9, idle_s=0.5)

    assert patient == "done"
    assert strict.message == "no progress for 0.5 s"


def test_progress_counts_where_no_log_is_kept():
    assert ended(works, logs=None, tells=20, pause_s=0.9) == "done"
    assert ended(works, logs=None, tells=0, pause_s=1.1).message == "no progress for 1 s"


def test_where_no_log_is_kept_what_an_agent_prints_is_left_alone(capsys):
    assert ended(works, logs=None, tells=2, pause_s=0.9) == "done"
    failure = ended(prints, logs=None, pause_s=0.6)

    assert failure.message == "no progress for 1 s"
    assert capsys.readouterr().out == "still waiting\n"


def test_once_the_log_is_nearly_full_nothing_is_stopped():
    assert ended(shouts, logs=LogLimits(attempt_bytes=5_000)) == "done"


def test_an_agent_without_the_limit_is_stored_as_before():
    assert "idle_s" not in AgentSpec(name="a", capability="c").model_dump()
