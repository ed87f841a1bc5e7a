"""Laws of realised savings, over random chains and streams of confirmations."""

from hypothesis import given
from hypothesis import strategies as st

from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.workflow import Step
from reconciler.state.attempts import Attempt, AttemptStatus
from reconciler.state.realised_savings import realised_s

gaps = st.lists(st.floats(0, 8), min_size=8, max_size=8)


@st.composite
def histories(draw):
    """A chain, when each step was confirmed, when the plan was complete, and the attempts under way by then.

    A step in the guess started as soon as the one before it ended, any other when it was confirmed.
    """
    count = draw(st.integers(1, 8))
    steps, attempts, confirmed_s, now_s, end_s = [], {}, {}, 0.0, 0.0
    lived = list(zip(draw(gaps), draw(gaps), draw(st.lists(st.booleans(), min_size=8, max_size=8)), strict=True))[
        :count
    ]
    plan_s = sum(gap for gap, _, _ in lived)
    for index, (gap, seconds, guessed) in enumerate(lived):
        now_s += gap
        name, after = f"s{index}", (f"s{index - 1}",) * (index > 0)
        step = Step(id=name, capability="x", after=after)
        placement = Placement(agent="a", node="n", duration_s=seconds)
        steps.append(PlannedStep(step=step, placement=placement, work_key=name))
        confirmed_s[name] = now_s
        begins_s = max(end_s, 0.0 if guessed else now_s)
        if begins_s < now_s or begins_s < plan_s:
            attempts[name] = _attempt(steps[-1], begins_s, plan_s, guessed=begins_s < now_s)
        end_s = max(begins_s, plan_s if name not in attempts else 0.0) + seconds
    return Plan(kind=PlanKind.OPTIMAL, steps=tuple(steps)), plan_s, confirmed_s, attempts


def _attempt(planned, begins_s, plan_s, *, guessed):
    end_s = begins_s + planned.placement.duration_s
    done = end_s <= plan_s
    return Attempt(
        id=f"t.{planned.id}",
        step=planned.step,
        placement=planned.placement,
        work_key=planned.work_key,
        loose_key=planned.work_key,
        agentless_key=None,
        epoch=1,
        speculative=guessed and not done,
        dispatched_s=begins_s,
        status=AttemptStatus.FINISHED if done else AttemptStatus.RUNNING,
        began_speculative=guessed,
        started_s=begins_s,
        ended_s=end_s if done else None,
        seconds=planned.placement.duration_s if done else 0.0,
    )


@given(histories())
def test_savings_along_a_chain_add_up_to_how_much_earlier_it_ends(history):
    """Compared with the same chain whose steps start once they are confirmed and the one before has ended."""
    plan, plan_s, confirmed_s, attempts = history
    without_s = with_s = 0.0
    for planned in plan.steps:
        without_s = max(without_s, confirmed_s[planned.id]) + planned.placement.duration_s
        began_s = attempts[planned.id].dispatched_s if planned.id in attempts else max(with_s, plan_s)
        with_s = began_s + planned.placement.duration_s

    saved = realised_s(plan, plan_s, confirmed_s, attempts)

    assert abs(sum(saved.values()) - (max(without_s, plan_s) - max(with_s, plan_s))) < 1e-6


@given(histories())
def test_no_guess_saves_more_than_its_duration_or_its_lead_over_its_confirmation(history):
    plan, plan_s, confirmed_s, attempts = history

    saved = realised_s(plan, plan_s, confirmed_s, attempts)

    assert saved.keys() == {attempt.id for attempt in attempts.values() if attempt.began_speculative}
    for step, attempt in attempts.items():
        if attempt.began_speculative:
            ahead_s = confirmed_s[step] - attempt.dispatched_s
            assert 0 <= saved[attempt.id] <= min(ahead_s, attempt.placement.duration_s) + 1e-6
