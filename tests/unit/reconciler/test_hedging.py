"""Attempts that take longer than they should get a second one beside them, and the first result counts."""

import pytest
from declared import CATALOG, NODES, Declared, a_task, step
from worlds import computed

from planners.agents import Catalog, Price, Provider
from planners.resources import Resources
from planners.workflow import Step
from reconciler.gate import Contended, Contention, Prices
from reconciler.gate.hedges import hedge_appraisal, pays
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.attempts import AttemptStatus
from reconciler.state.commands import PlanReason, RunStatus
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.late_attempts import LateAttempts
from reconciler.state.learned_times import LearnedTimes
from reconciler.state.outcomes import Verdict
from reconciler.state.run import RunState
from reconciler.views.projections import bar

LATE_S = 0.55


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


class Learned(Declared):
    """Plans come with learned times, and agents report that they start."""

    late_s = LATE_S
    contention = Contention()

    def _plan(self, command, now_s):
        for at_s, event in super()._plan(command, now_s):
            if isinstance(event, e.OptimalPlanReady) and self.late_s is not None:
                late_s = {planned.id: self.late_s for planned in event.plan.steps}
                nodes = {agent.name: NODES for agent in CATALOG.agents}
                times = LearnedTimes(late_s=late_s, nodes=nodes, contention=self.contention)
                yield at_s, event.model_copy(update={"times": times})
            else:
                yield at_s, event


def seconds_of(slow):
    """Half a second; five times that for the attempts of these numbers."""
    return lambda _capability, _inputs, number: 2.5 if number in slow else 0.5


def branches(agents, turns, **more):
    """Agents side by side, each with so many steps one after the other, and a step that reads all of them."""
    steps = []
    for agent in range(agents):
        for turn in range(turns):
            inputs = {"n": agent, "turn": turn} | ({"before": f"$steps.a{agent}_{turn - 1}"} if turn else {})
            steps.append(step(f"a{agent}_{turn}", inputs=inputs, **more))
    last = [f"$steps.a{agent}_{turns - 1}" for agent in range(agents)]
    return [*steps, step("join", inputs={"all": last})]


def run_of(steps, slow=(), world=Learned, **more):
    return world(a_task(steps, mode="wait"), **{"seconds": seconds_of(slow), **more}).play()


def attempts_of(world, name):
    return [attempt for attempt in world.run.attempts.values() if attempt.step.id == name]


def test_with_a_hedge_one_slow_agent_of_eight_costs_less_than_ten_percent():
    steps = branches(8, 12)
    even, unhedged = run_of(steps), run_of(steps, slow={20}, world=Declared)

    hedged = run_of(steps, slow={20})

    assert unhedged.run.at_s > 1.25 * even.run.at_s
    assert hedged.run.at_s < 1.1 * even.run.at_s
    assert hedged.run.late.made == 1
    assert hedged.outputs == even.outputs


def test_a_hedge_that_is_declared_needs_nothing_learned():
    fan = branches(8, 1, hedge={"after_s": 0.1})
    even = run_of(fan, world=Declared)

    hedged = run_of(fan, slow={5}, world=Declared)

    assert hedged.run.at_s == pytest.approx(even.run.at_s + 0.1)


def test_where_nothing_was_learned_the_others_of_a_fan_out_tell_what_is_late():
    fan = branches(8, 1)
    unhedged, even = run_of(branches(8, 1, hedge=False), slow={3}, world=Declared), run_of(fan, world=Declared)

    world = run_of(fan, slow={3}, world=Declared)

    assert world.run.late.made == 1
    (hedge,) = [one for one in attempts_of(world, "a2_0") if one.reason.startswith("hedge")]
    assert hedge.dispatched_s == pytest.approx(even.run.attempts["t.1"].dispatched_s + 0.6, abs=0.01)
    assert world.run.at_s < unhedged.run.at_s - 1.0
    assert world.outputs == even.outputs


def test_copies_of_a_step_are_compared_with_each_other():
    block = {"id": "each", "for_each": "$inputs.items", "steps": [step("work", inputs={"n": "$item"})]}
    task = a_task([block], {"items": list(range(20))}, mode="wait")

    world = Declared(task, seconds=seconds_of({7})).play()

    assert [one.step.id for one in world.run.attempts.values() if one.reason.startswith("hedge")] == ["work[6]"]


def test_steps_that_follow_different_ones_are_not_compared():
    world = run_of(branches(4, 3), slow={12}, world=Declared)

    assert world.run.late.made == 0


def test_the_first_result_counts_and_the_other_attempt_is_flushed():
    world = run_of(branches(1, 2), slow={1})

    first, hedge = attempts_of(world, "a0_0")
    assert (first.status, first.verdict) == (AttemptStatus.FLUSHED, Verdict.FLUSH)
    assert (hedge.status, hedge.verdict, hedge.hedges) == (AttemptStatus.FINISHED, Verdict.COMMIT, None)
    assert hedge.placement.node != first.placement.node
    assert hedge.reason.startswith(f"hedge: {first.id} is late")
    assert [bar(world.run, one).beside for one in (first, hedge)] == [None, "hedge"]


def test_a_hedge_that_is_slower_is_flushed():
    world = run_of(branches(1, 3), slow={1, 2}, world=Learned)

    first, hedge = attempts_of(world, "a0_0")
    assert (first.status, hedge.status) == (AttemptStatus.FINISHED, AttemptStatus.FLUSHED)
    assert world.run.status is RunStatus.SUCCEEDED


def test_a_hedge_takes_the_place_of_an_attempt_that_fails():
    def output(capability, inputs, number):
        if number == 1:
            return Failure(kind=FailureKind.ERROR, message="it broke")
        return computed(capability, inputs)

    world = run_of(branches(1, 1), slow={1, 2, 3}, output=output)

    first, hedge, _ = attempts_of(world, "a0_0")
    assert (first.status, hedge.status) == (AttemptStatus.FAILED, AttemptStatus.FINISHED)
    assert world.run.status is RunStatus.SUCCEEDED


def test_a_hedge_survives_the_node_of_the_attempt_beside_it():
    world = run_of(branches(1, 1), slow={1, 2, 3}, faults=[(1.5, e.NodeLost(at_s=0, node=NODES[0]))])

    first, hedge, _ = attempts_of(world, "a0_0")
    assert (first.failure.kind, hedge.status) == (FailureKind.NODE_LOST, AttemptStatus.FINISHED)
    assert world.run.status is RunStatus.SUCCEEDED


@pytest.mark.parametrize(("capability", "hedge", "hedged"), [("do", None, 1), ("say", None, 1), ("do", False, 0)])
def test_harmless_work_is_hedged_unless_its_step_forbids_it(capability, hedge, hedged):
    world = run_of([step("a", capability, hedge=hedge), step("b", inputs={"n": "$steps.a"})], slow={1})

    assert world.run.late.made == hedged


def test_an_act_is_never_hedged():
    world = run_of([step("a", "act", hedge=True), step("b", inputs={"n": "$steps.a"})], slow={1})

    assert len(attempts_of(world, "a")) == 1


def test_hedges_have_a_budget():
    world = run_of(branches(2, 20), slow=set(range(1, 60)))

    assert 2 <= world.run.late.made <= 7


def test_where_most_attempts_are_late_there_are_no_hedges_until_few_are():
    fan = [step(f"s{n}", inputs={"n": n}) for n in range(20)]

    overloaded = run_of(fan, slow=set(range(1, 21)))
    recovered = run_of(fan, seconds=lambda _capability, _inputs, number: 5.0 if number == 7 else 0.6)

    assert overloaded.run.late.made == 0
    assert len(attempts_of(recovered, "s6")) == 2
    assert recovered.run.late.made == 1


def test_a_hedge_costs_no_more_than_the_task_may_spend():
    price = Price(usd_per_call=1.0)
    catalog = Catalog(agents=tuple(agent.model_copy(update={"price": price}) for agent in CATALOG.agents))
    task = a_task([step("a")], mode="wait", budget_usd=1.5)

    world = Learned(task, seconds=seconds_of({1}), catalog=catalog).play()

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.run.late.made == 0


@pytest.mark.parametrize(("wanted", "usd_per_s", "hedged"), [(0.0, 10.0, 1), (0.9, 0.0, 1), (0.9, 10.0, 0)])
def test_a_hedge_that_would_delay_confirmed_work_of_others_for_too_much_is_not_made(wanted, usd_per_s, hedged):
    class Shared(Learned):
        """Others want a share of what the provider can do at a time."""

        busy = Contended(total=Resources(custom={"calls": 1}), wanted={"calls": wanted})
        contention = Contention(prices=Prices(providers={"p": busy}), usd_per_s=usd_per_s)

        def _work(self, order, now_s):
            yield now_s, e.AttemptStarted(at_s=0, attempt=order.attempt, node=order.node)
            yield from super()._work(order, now_s)

    agents = tuple(agent.model_copy(update={"provider": "p"}) for agent in CATALOG.agents)
    catalog = Catalog(agents=agents, providers=(Provider(name="p"),))

    world = run_of(branches(2, 3), slow={1}, world=Shared, catalog=catalog)

    assert world.run.late.made == hedged
    assert world.run.status is RunStatus.SUCCEEDED


def test_the_contention_of_the_last_plan_counts():
    late = LateAttempts()
    busy = Contended(total=Resources(cpus=1), wanted={"cpus": 0.9})

    late.learn(LearnedTimes(contention=Contention(prices=Prices(nodes={NODES[0]: busy}), usd_per_s=0.1)))
    assert late.contention
    late.learn(LearnedTimes())

    assert not late.contention


def test_a_restart_forgets_hedges_and_the_task_ends():
    from reconciler.simulation import Restart  # noqa: PLC0415

    steps = branches(2, 3)
    for after in range(4, 16):
        world = run_of(steps, slow={1}, restarts=[Restart(after)])
        assert world.run.status is RunStatus.SUCCEEDED, after


def test_an_overdue_running_step_makes_the_planner_think_again():
    world = Learned(
        a_task([step("a", hedge=False), step("b", inputs={"n": "$steps.a"})], mode="wait"),
        seconds=lambda _c, _i, number: 20.0 if number == 1 else 0.5,
    ).play()

    asked = [event for event in world.simulation.commands if isinstance(event, c.RequestPlan)]
    assert PlanReason.ESTIMATE_WRONG in [command.reason for command in asked]
    planned_s = [event.at_s for event in world.simulation.events if isinstance(event, e.OptimalPlanReady)]
    assert planned_s[1] < 5.0


def test_attempts_that_end_in_time_wake_nobody():
    world = run_of(branches(4, 5))

    woken = [event for event in world.simulation.events if isinstance(event, e.TimePassed)]
    assert len(woken) <= 1 + world.run.at_s / 0.5 < len(world.run.attempts)


def test_a_hedge_pays_where_it_saves_more_than_it_costs():
    common = {"rest_s": 1.0, "value_usd_per_s": 0.01}
    late = hedge_appraisal(elapsed_s=2.0, duration_s=1.0, others_end_s=0.0, usd=0.0, **common)
    behind_others = hedge_appraisal(elapsed_s=2.0, duration_s=1.0, others_end_s=9.0, usd=0.0, **common)
    dear = hedge_appraisal(elapsed_s=2.0, duration_s=1.0, others_end_s=0.0, usd=0.1, **common)

    assert (late.saved_s, behind_others.saved_s) == (3.0, 0.0)
    assert [pays(one, 0.01, 0.5) for one in (late, behind_others, dear)] == [True, False, False]


@pytest.mark.parametrize(
    ("declared", "late_s", "timeout_s"), [(None, 20.0, 200.0), (None, 1.0, 60.0), (7.0, 20.0, 7.0)]
)
def test_timeouts_follow_learned_durations_where_none_is_declared(declared, late_s, timeout_s):
    world = Learned(a_task([step("a", **({"timeout_s": declared} if declared else {}))], mode="wait"))
    world.late_s = late_s
    world.play()

    assert [order.timeout_s for order in world.orders.values()] == [timeout_s]


def test_a_workflow_declares_hedges():
    assert Step.model_validate(step("a", hedge={"after_s": 2})).hedge.after_s == 2
    assert "hedge" not in Step.model_validate(step("a")).model_dump()
