"""The latest expected end of the work under way is the same as if every attempt were looked at."""

import random

import pytest

from planners.model import AgentName, AttemptId, NodeId, StepId, WorkKey
from planners.plans import Placement, Plan, PlanKind
from planners.workflow import Step
from reconciler.state.attempts import Attempt
from reconciler.state.expected_ends import ExpectedEnds
from reconciler.state.handoff import Handoff
from reconciler.state.outcomes import Verdict

PLAN, OTHER_PLAN = (Plan(kind=PlanKind.OPTIMAL, steps=(), objective=float(number)) for number in range(2))


def attempt_of(number, duration_s, at_s, verdict):
    placement = Placement(agent=AgentName("a"), node=NodeId("n"), start_s=0.0, duration_s=duration_s, usd=0.0)
    return Attempt(
        id=AttemptId(f"t.{number}"),
        step=Step(id=StepId(f"s{number}"), capability="a"),
        placement=placement,
        work_key=WorkKey(str(number)),
        loose_key=None,
        agentless_key=None,
        epoch=0,
        dispatched_s=at_s,
        verdict=verdict,
    )


def looked_at(attempts, rests, now_s, without):
    """By looking at every attempt."""
    others = [one for one in attempts.values() if one.live and one.verdict and one.id != without.id]
    return max((one.remaining_s(now_s) + rests[one.step.id] for one in others), default=0.0)


@pytest.mark.parametrize("seed", range(20))
def test_it_is_the_latest_end_of_all_others_whatever_has_happened(seed):
    draw, ends = random.Random(seed), ExpectedEnds()
    attempts, rests, now_s, held_by = {}, {}, 0.0, PLAN
    for number in range(200):
        now_s += draw.random()
        rests[f"s{number}"] = draw.choice([0.0, draw.uniform(0, 20)])
        verdict = draw.choice([None, Verdict.COMMIT, Verdict.KEEP])
        changed = [attempt_of(number, draw.uniform(0, 10), now_s, verdict)]
        live = [one for one in attempts.values() if one.live]
        for one in draw.sample(live, min(len(live), 3)):
            is_waiting = one.started_s is None
            changed.append(one.as_started(now_s) if is_waiting else one.as_finished(now_s, 1.0, Handoff(output=1)))
        for one in changed:
            attempts[one.id] = one
            ends.note(one, rests.__getitem__)
        held_by = draw.choice([held_by] * 9 + [PLAN, OTHER_PLAN])
        without = draw.choice(list(attempts.values()))

        found = ends.latest_s(now_s, held_by, attempts, rests.__getitem__, without)

        assert found == pytest.approx(looked_at(attempts, rests, now_s, without))


def test_with_no_other_attempt_there_is_nothing_to_wait_for():
    alone = attempt_of(0, 5.0, 0.0, Verdict.COMMIT).as_started(0.0)

    assert ExpectedEnds().latest_s(1.0, PLAN, {alone.id: alone}, lambda _step: 0.0, alone) == 0.0
