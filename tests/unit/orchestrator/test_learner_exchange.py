"""What a shard exchanges with the learner: nothing is lost or counted twice while either is away."""

import asyncio

import pytest
from outcome_streams import stream
from plan_examples import examples
from ray.exceptions import ActorUnavailableError, RayTaskError

from learner.actor import LearnerActor
from orchestrator.errors import Unavailable
from orchestrator.service.advice import LearnedAdvice
from orchestrator.service.named_actor import NamedActor
from orchestrator.settings import Settings
from planners.agents import AgentSpec, Catalog

OUTCOMES = list(stream(30))


class Handle:
    """A handle of a learner in this process whose calls fail as told, before or after they were carried out."""

    def __init__(self, actor):
        self.actor = actor
        self.fails_before = self.fails_after = None

    def __getattr__(self, name):
        return Call(self, name)


class Call:
    def __init__(self, handle, name):
        self._handle, self._name = handle, name

    async def remote(self, *arguments):
        await asyncio.sleep(0)
        if self._handle.fails_before:
            raise self._handle.fails_before
        answer = getattr(self._handle.actor, self._name)(*arguments)
        if self._handle.fails_after:
            raise self._handle.fails_after
        return answer


@pytest.fixture
def journal():
    """What the journal holds: outcomes and plans."""
    return list(OUTCOMES[:10]), list(examples(5))


@pytest.fixture
def learner(monkeypatch):
    monkeypatch.setattr(LearnerActor, "_train_forever", lambda _: None)
    return Handle(LearnerActor())


@pytest.fixture
def advice(learner, journal):
    async def restore(handle):
        await handle.restore.remote(*journal)

    return LearnedAdvice(Settings(), learner, None, restore)


UNAVAILABLE = ActorUnavailableError("away", b"0" * 16)


@pytest.mark.parametrize("moment", ["fails_before", "fails_after"])
async def test_outcomes_are_sent_again_after_the_learner_was_away_and_count_once(advice, learner, moment):
    advice.record(OUTCOMES)
    setattr(learner, moment, UNAVAILABLE)
    await advice._exchange_once()
    setattr(learner, moment, None)

    await advice._exchange_once()

    assert learner.actor.status().outcomes == 30


async def test_a_restarted_learner_is_restored_though_there_are_no_new_outcomes(advice, learner):
    await advice._exchange_once()

    assert learner.actor.status().outcomes == 10
    assert learner.actor.status().plans == 5
    assert advice._snapshot.number == learner.actor.snapshot().number


async def test_plans_that_the_journal_holds_are_not_sent_again_after_a_restore(advice, learner):
    advice._examples += examples(5)

    await advice._exchange_once()
    await advice._exchange_once()

    assert learner.actor.status().plans == 5


async def test_a_journal_that_is_away_ends_neither_the_exchange_nor_the_restore(advice, learner, journal):
    async def failing(_learner):
        raise ConnectionError("the database is away")

    restore, advice._restore = advice._restore, failing
    advice.record(OUTCOMES[20:])
    await advice._exchange_once()
    assert learner.actor.status().outcomes == 10

    advice._restore = restore
    await advice._exchange_once()

    assert learner.actor.status().outcomes == 20
    assert advice._outcomes == []


async def test_outcomes_that_the_learner_fails_on_do_not_stop_later_ones(advice, learner):
    advice.record(OUTCOMES[:5])
    learner.fails_before = RayTaskError("record", "", ValueError("odd"))
    await advice._exchange_once()
    learner.fails_before = None

    advice.record(OUTCOMES[10:])
    await advice._exchange_once()

    assert learner.actor.status().outcomes == 30  # 10 of the journal, 20 new ones


async def test_outcomes_recorded_during_an_exchange_are_kept_for_the_next(advice, learner):
    advice.record(OUTCOMES[10:20])
    exchange = asyncio.ensure_future(advice._exchange_once())
    await asyncio.sleep(0)
    advice.record(OUTCOMES[20:])
    await exchange
    assert learner.actor.status().outcomes == 20

    await advice._exchange_once()

    assert learner.actor.status().outcomes == 30


async def test_outcomes_under_way_when_the_shard_stops_are_sent_again(advice, learner):
    advice.record(OUTCOMES)
    advice.start()
    await asyncio.sleep(0)

    await advice.stop()

    assert learner.actor.status().outcomes == 30
    assert advice._outcomes == []


def offering(*capabilities):
    return Catalog(agents=tuple(AgentSpec(name=name, capability=name, description=name) for name in capabilities))


async def test_a_predictor_that_was_never_trained_guesses_with_the_tools_of_a_reloaded_catalog(advice, learner):
    advice.reload(offering("translate"))
    await advice._exchange_once()
    before = {step for guess in advice.predict("summarise the report", 3) for step in guess.steps}

    advice.reload(offering("translate", "summarise"))
    await advice._exchange_once()

    assert "summarise" not in before
    assert "summarise" in {step for guess in advice.predict("summarise the report", 3) for step in guess.steps}


async def test_a_restarted_learner_gets_the_tools_of_the_newest_catalog(advice, learner):
    advice.reload(offering("summarise"))
    await advice._exchange_once()
    learner.actor = LearnerActor()

    await advice._exchange_once()

    assert [tool.name for tool in learner.actor._learner._tools] == ["summarise"]


@pytest.fixture
def started(learner):
    """The actors that have been created, by name."""
    return {}


@pytest.fixture
def late(started):
    """A handle of a learner that is created once the service is ready."""
    return NamedActor("learner", "the learner", lambda name: _registered(started, name))


def _registered(started, name):
    if name not in started:
        raise ValueError(name)  # as Ray
    return started[name]


async def test_a_shard_guesses_before_its_learner_has_started_and_sends_it_what_has_happened(
    late, started, learner, journal
):
    async def restore(handle):
        await handle.restore.remote(*journal)

    advice = LearnedAdvice(Settings(), late, None, restore)
    advice.reload(offering("translate", "summarise"))
    advice.record(OUTCOMES[10:])
    await advice._exchange_once()
    guessed = {step for guess in advice.predict("summarise the report", 3) for step in guess.steps}

    started["learner"] = learner
    await advice._exchange_once()

    assert "summarise" in guessed
    assert learner.actor.status().outcomes == 30
    assert (advice._outcomes, advice._predictor_number) == ([], learner.actor.predictor()[0])


async def test_who_asks_for_a_learner_that_has_not_started_hears_so(late, started, learner):
    advice = LearnedAdvice(Settings(), late, None, None)

    with pytest.raises(Unavailable, match="the learner has not started yet"):
        await advice.status()

    started["learner"] = learner
    assert (await advice.status())["enabled"]


async def test_a_shard_that_stops_with_nothing_to_send_does_not_wait_for_its_learner(learner):
    asked = []

    def find(name):
        asked.append(name)
        raise ValueError(name)

    advice = LearnedAdvice(Settings(), NamedActor("learner", "the learner", find), None, None)
    advice.start()
    await asyncio.sleep(0)
    await advice.stop()

    assert asked == ["learner"]  # by the exchange that was under way
