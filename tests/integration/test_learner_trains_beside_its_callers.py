"""A learner's actor takes outcomes, trains in its own thread, is asked meanwhile, is killed, and comes back."""

import asyncio
import random

import pytest
import ray
from outcome_streams import outcome

from learner.actor import create
from learner.errors import LearnerError
from learner.learner import LearningSettings
from learner.predictor import ToolText
from planners.agents import AgentSpec
from planners.bindings import Value
from planners.workflow import Step
from reconciler.state.features import step_features

pytestmark = pytest.mark.ray
TOOLS = (ToolText("book_hotel", "Book a room in a hotel"), ToolText("set_alarm", "Set a new alarm"))
AGENT = AgentSpec(name="a", capability="x", expected_s=1.0)


def step(n):
    return Step(id=f"s{n}", capability="x", inputs={"n": Value(value=n)})


def outcomes(count):
    draw = random.Random(0)
    for number in range(count):
        n = draw.randrange(4)
        yield outcome(number, seconds=2.0**n * draw.uniform(0.9, 1.1), features=dict(step_features(step(n))))


async def until(ask, holds):
    """The first answer for which something holds; a hang guard of a minute."""
    async with asyncio.timeout(60):
        while not holds(answer := await ask()):  # noqa: ASYNC110 another process can only be asked
            await asyncio.sleep(0.05)
    return answer


async def test_a_learner_trains_beside_its_callers_and_survives_a_kill(cluster, tmp_path):
    learner = create("learner-under-test", settings=LearningSettings(train_every=500), folder=tmp_path, tools=TOOLS)
    try:
        cold = await learner.snapshot.remote()
        assert cold.costs.duration(AGENT, step(3)).mean_s == 1.0
        assert await learner.snapshot.remote(cold.number) is None
        number, predictor = await learner.predictor.remote()
        assert number == 0
        assert [guess.steps for guess in predictor.predict("Please book a hotel in Oslo")] == [("book_hotel",)]

        await learner.record.remote(list(outcomes(600)))
        status = await until(learner.status.remote, lambda status: status.version == 1)
        assert status.models == ("duration:a",)
        assert status.ledger.total.decisions == 600
        warm = await learner.snapshot.remote(cold.number)
        assert warm.costs.duration(AGENT, step(3)).p50_s == pytest.approx(8.0, rel=0.15)

        with pytest.raises(LearnerError, match="no earlier version"):
            await learner.rollback.remote()

        ray.kill(learner, no_restart=False)
        await until(lambda: _or_none(learner.status), lambda status: status is not None and status.outcomes == 0)
        back = await learner.snapshot.remote()
        assert back.version == 1
        assert not await learner.record.remote([])
        assert back.costs.duration(AGENT, step(3)) == warm.costs.duration(AGENT, step(3))
        assert await learner.restore.remote(list(outcomes(600)))
        assert not await learner.restore.remote(list(outcomes(600)))
        assert await learner.record.remote([])
        assert (await learner.status.remote()).outcomes == 600
    finally:
        ray.kill(learner)


async def _or_none(method):
    """None while the actor is being restarted."""
    try:
        return await method.remote()
    except ray.exceptions.RayActorError:
        return None
