"""Whatever happens to a run, these laws hold. `make laws` plays ten thousand histories, `make test` some hundreds."""

import os
from collections import Counter
from dataclasses import replace

import pytest
from disturbed import Disturbed
from histories import EFFECTS, Death, Fate, History, Reply
from hypothesis import HealthCheck, Phase, given, settings
from random_histories import histories

from planners.agents import Effect
from planners.model import StepId, canonical_json
from planners.tasks import Mode
from planners.workflow import Step
from reconciler.simulation import Restart
from reconciler.state.attempts import AttemptStatus
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import FailureKind
from reconciler.state.waiting import WaitKind

HISTORIES = int(os.environ.get("FORERUN_LAW_HISTORIES", "300"))
LOST = {FailureKind.NODE_LOST, FailureKind.WORKER_LOST, FailureKind.TIMEOUT, FailureKind.CANCELLED}
EVENTS = 15  # of a usual history
# Always the same histories in `make test`, others in every run of `make laws`.
PLAYED = settings(
    derandomize="FORERUN_LAW_HISTORIES" not in os.environ,
    suppress_health_check=list(HealthCheck),
    phases=set(Phase) - {Phase.explain},
)
pytestmark = pytest.mark.timeout(60 + HISTORIES)


def expected(history, effect):
    """What agents of this effect do when nothing goes wrong, how often."""
    alone = history.alone()
    return Counter(
        (step.capability, canonical_json(alone[step.id][0]))
        for step in history.steps
        if EFFECTS[step.capability] is effect
    )


def it_ends_or_says_what_is_in_doubt(world):
    for status, doubted, waits in world.stuck:
        assert status is RunStatus.IN_DOUBT
        assert doubted
        assert {wait.kind for wait in waits} <= {WaitKind.RESOLUTION, WaitKind.VERIFICATION}
    assert world.unasked == []
    assert world.run.status.ended
    assert not world.run.attempts.live


def no_act_happens_twice(world):
    assert world.acts <= expected(world.history, Effect.IRREVERSIBLE)


def every_act_happened_if_the_task_succeeded(world):
    if world.simulation.succeeded:
        assert world.acts == expected(world.history, Effect.IRREVERSIBLE)


def no_act_is_forgotten(world):
    """What has acted is finished, in doubt, or said itself how it failed."""
    for attempt, deed in world.deeds.items():
        if deed.done:
            known = world.run.attempts[attempt]
            told = known.failure is not None and known.failure.kind not in LOST and not known.failure.never_began
            assert known.status in (AttemptStatus.FINISHED, AttemptStatus.IN_DOUBT) or told, known


def no_effect_is_promoted_twice_or_from_a_flushed_attempt(world):
    assert world.effects <= expected(world.history, Effect.STAGEABLE)


def every_effect_is_out_if_the_task_succeeded(world):
    if world.simulation.succeeded:
        assert world.effects == expected(world.history, Effect.STAGEABLE)


def the_result_is_that_of_an_undisturbed_run(world):
    """Only a node that nobody knows to be dead when the task ends may take its result along."""
    outputs, alone, end_s = world.outputs, world.history.alone(), world.run.at_s
    if outputs is not None:
        assert outputs == {name: alone[name][1] for name in world.history.returned}
    elif world.simulation.succeeded:
        assert any(death.at_s <= end_s <= death.at_s + death.told_after_s for death in world.history.deaths)


def nothing_finished_is_run_again(world):
    assert world.again == []


def nothing_that_must_not_speculate_does(world):
    assert world.early == []


def an_idempotency_key_stands_for_one_piece_of_work(world):
    assert all(len(works) == 1 for works in world.keys.values())


def what_the_end_left_in_doubt_can_be_resolved(world):
    for attempt in list(world.run.in_doubt):
        assert world.run.handle(world.told_by_a_person(attempt.id)) == []
    assert world.run.in_doubt == []


LAWS = (
    it_ends_or_says_what_is_in_doubt,
    no_act_happens_twice,
    every_act_happened_if_the_task_succeeded,
    no_act_is_forgotten,
    no_effect_is_promoted_twice_or_from_a_flushed_attempt,
    every_effect_is_out_if_the_task_succeeded,
    the_result_is_that_of_an_undisturbed_run,
    nothing_finished_is_run_again,
    nothing_that_must_not_speculate_does,
    an_idempotency_key_stands_for_one_piece_of_work,
    what_the_end_left_in_doubt_can_be_resolved,
)


def judge(world):
    for law in LAWS:
        try:
            law(world)
        except AssertionError as broken:
            pytest.fail(f"broken: {law.__name__}: {broken}\n{world.told()}", pytrace=False)


@given(histories())
@settings(PLAYED, max_examples=HISTORIES // 2)
def test_a_run_keeps_the_laws_whatever_happens(history):
    judge(Disturbed(history).play())


def test_a_new_plan_that_streams_in_gives_a_step_to_another_agent_while_the_first_one_stages_its_output():
    """Both finish; the effect of one is out."""
    history = History(
        steps=(Step(id=StepId("s0"), capability="file"), Step(id=StepId("s1"), capability="look")),
        agents=("file-large", "look-small"),
        nodes=("n2", "n1"),
        returned=(StepId("s0"), StepId("s1")),
        mode=Mode.ORACLE,
        replies=(Reply(plan_s=2.8, prefixes=3, forgets=True, swaps=True),),
        fates=(Fate(seconds=2.6), Fate(), Fate(seconds=0.5)),
        deaths=(Death("n1", 0.0, 0.0),),
    )
    world = Disturbed(history).play()

    judge(world)
    assert world.simulation.succeeded
    assert sum(world.effects.values()) == 1


@given(histories(restarts=False))
@settings(PLAYED, max_examples=max(1, HISTORIES // 2 // (3 * EVENTS)))
def test_a_run_keeps_the_laws_wherever_it_is_restarted(history):
    undisturbed = Disturbed(history).play()
    judge(undisturbed)
    for after in range(1, len(undisturbed.simulation.events) + 1):
        for restart in (Restart(after), Restart(after, unsent=1), Restart(after, unrecorded=1)):
            judge(Disturbed(replace(history, restarts=(restart,))).play())
