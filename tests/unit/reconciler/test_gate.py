import json

import pytest

from planners.agents import AgentSpec, Catalog, Effect, Price, Provider
from planners.cluster import ClusterNode, ClusterSnapshot, Reservation
from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.resources import Resources
from planners.tasks import PlanningOptions
from planners.workflow import Step
from reconciler.conditions import Conditions
from reconciler.gate import (
    Calibration,
    Contended,
    GatePolicy,
    GateState,
    Guidance,
    Prices,
    Refusal,
    decide,
    price,
    refused_for_price,
)

CATALOG = Catalog(
    agents=(
        AgentSpec(name="free", capability="x"),
        AgentSpec(name="paid", capability="x", price=Price(usd_per_call=0.01)),
        AgentSpec(name="sends_mail", capability="x", effect=Effect.IRREVERSIBLE),
        AgentSpec(name="tells_others", capability="x", discloses=True),
        AgentSpec(name="llm", capability="x", resources=Resources(), provider="p"),
    ),
    providers=(Provider(name="p", max_concurrent=4, requests_per_s=2.0), Provider(name="unlimited")),
)
OPTIONS, POLICY, OPEN = PlanningOptions(value_of_time_usd_per_s=0.001), GatePolicy(), GateState()


def step(name, after=(), agent="free", *, start=0.0, d=1.0, p=0.8, node="n"):
    return PlannedStep(
        step=Step(id=name, capability="x", after=after),
        placement=Placement(agent=agent, node=node, start_s=start, duration_s=d),
        work_key=name,
        probability=p,
    )


def candidates(*steps, now=0.0, expected=3.0, under_way=None, prices=None, options=OPTIONS, **more):
    found = price(
        Plan(kind=PlanKind.SPECULATIVE, steps=steps),
        catalog=CATALOG,
        now_s=now,
        expected_plan_s=expected,
        under_way=under_way or {},
        prices=prices or Prices(),
        options=options,
        policy=POLICY,
        **more,
    )
    return {candidate.step: candidate for candidate in found}


def decisions(found, state=OPEN, policy=POLICY, options=OPTIONS):
    return {decision.step: decision for decision in decide(list(found.values()), state, policy, options)}


def test_own_parts_of_a_chain_add_up_to_what_the_chain_saves():
    """Three seconds of work fit into the three seconds of planning; each step saves its own one."""
    chain = candidates(step("a"), step("b", ("a",), start=1), step("c", ("b",), start=2))

    assert [c.own_s for c in chain.values()] == pytest.approx([1.0, 1.0, 1.0])


def test_a_first_step_counts_what_it_enables_by_how_likely_that_survives():
    """L of the head: its own second, and its child's second times P(child)/P(head)."""
    chain = candidates(step("a", p=0.8), step("b", ("a",), start=1, p=0.4))

    assert chain["a"].saved_s == pytest.approx(1.0 + 0.4 / 0.8)
    assert chain["b"].saved_s == pytest.approx(1.0)


def test_no_step_saves_more_than_the_wait_for_the_plan():
    """A long step saves what is left of planning, not its own length."""
    assert candidates(step("a", d=50.0), now=1.0)["a"].saved_s == pytest.approx(2.0)


def test_slack_is_subtracted():
    """Beside a branch of 10 s, one of 1 s could start 9 s later at no cost; beside one of 3 s it claims its part,
    one to three, of the second for which both must come early."""
    assert candidates(step("long", d=10.0), step("short"))["short"].saved_s == 0.0
    assert candidates(step("long", d=3.0), step("short"))["short"].saved_s == pytest.approx(0.25)


def test_branches_that_must_all_come_early_share_what_that_saves():
    """Three of 2 s: the run ends 2 s sooner if all three are early, no sooner for any two."""
    found = candidates(*(step(name, d=2.0) for name in "abc"), step("end", tuple("abc"), start=2.0, p=0.8))

    assert sum(found[name].saved_s for name in "abc") == pytest.approx(3.0)
    assert found["a"].saved_s == found["b"].saved_s == pytest.approx(1.0)


def test_a_branch_claims_no_more_than_the_weakest_beside_it_lets_happen():
    """The longer of two claims the second that is its own whole, and two thirds of the other as often as both
    survive."""
    found = candidates(step("long", d=2.0, p=0.8), step("short", p=0.4))

    assert found["long"].saved_s == pytest.approx(1.0 + 2 / 3 * 0.4 / 0.8)
    assert found["short"].saved_s == pytest.approx(1 / 3)


def test_of_branches_worth_it_together_a_dear_one_is_not_refused_for_the_sake_of_a_cheap_one():
    """Together they save 2 s at 0.006 USD a second; alike shares would leave the dear one too little for its cent."""
    options = PlanningOptions(value_of_time_usd_per_s=0.006)
    found = candidates(step("cheap", d=2.0, p=0.95), step("dear", agent="paid", d=2.0, p=0.95), options=options)

    assert all(answer.dispatch for answer in decisions(found, options=options).values())


def test_a_wide_fan_of_free_agents_is_as_welcome_as_one_of_them_and_of_dear_ones_it_is_not():
    """What trying costs the run counts once, as what it saves; what providers charge is paid for each."""
    free, dear = (
        decisions(candidates(*(step(f"s{n}", agent=agent, p=0.9) for n in range(100)))) for agent in ("free", "paid")
    )

    assert all(answer.dispatch for answer in free.values())
    assert not any(answer.dispatch for answer in dear.values())


def test_a_step_that_queues_for_room_on_its_node_has_no_slack():
    """Of two independent steps in sequence on one node the second ends the run, so the first is critical."""
    queued = candidates(step("a", d=2.0), step("b", start=2.0, d=2.0))

    assert queued["a"].saved_s > 2.0


def test_an_irreversible_step_waits_for_authority_and_so_does_what_is_behind_it():
    """What precedes it still saves its own seconds."""
    found = candidates(step("a"), step("mail", ("a",), "sends_mail", start=1), step("after", ("mail",), start=2))
    answers = decisions(found)

    assert answers["a"].dispatch
    assert answers["mail"].refusal is Refusal.EFFECT
    assert answers["after"].refusal is Refusal.PARENT
    assert found["after"].saved_s == 0.0


def test_an_agent_that_discloses_is_never_speculated_on():
    assert decisions(candidates(step("a", agent="tells_others", p=1.0)))["a"].refusal is Refusal.EFFECT


def test_a_guess_slower_than_the_call_it_hides_is_not_tried():
    """The guess came at 4 s, the plan is expected at 3 s."""
    answers = decisions(candidates(step("a", p=1.0), now=4.0))

    assert answers["a"].refusal is Refusal.TOO_SLOW


def test_what_is_done_does_not_keep_the_run_from_ending_so_late_steps_of_a_long_chain_save_as_much_as_early_ones():
    """Four of five seconds have gone by, four of five steps are done: the last one still saves its own second."""
    chain = [step("s0"), *(step(f"s{i}", (f"s{i - 1}",), start=i) for i in range(1, 5))]
    found = candidates(*chain, now=4.0, expected=5.0, under_way={f"s{i}": 4.0 for i in range(4)})

    assert found["s4"].saved_s == pytest.approx(1.0)


def test_a_child_whose_parent_ends_after_the_plan_is_expected_saves_nothing():
    found = candidates(step("a"), step("b", ("a",), start=1), now=0.5, under_way={"a": 5.0})

    assert list(found) == ["b"]
    assert found["b"].saved_s == 0.0


def test_a_free_agent_on_an_idle_node_is_dispatched_readily_and_a_dear_one_is_not():
    answers = decisions(candidates(step("a", p=0.5), step("b", agent="paid", p=0.5)))

    assert answers["a"].dispatch
    assert answers["b"].refusal is Refusal.PRICE


def test_the_rule_is_the_one_of_the_design():
    """P*L*V - (1-P)*C against (1-alpha)*C, to the last term."""
    found = candidates(step("a", agent="paid", p=0.6), expected=20.0)
    answer = decisions(found)["a"]
    p, seconds, cost = 0.6, found["a"].saved_s, found["a"].cost_usd

    assert cost == pytest.approx(0.01 + 1.0 * POLICY.idle_price * 0.001)
    assert answer.margin_usd == pytest.approx(p * seconds * 0.001 - (1 - p) * cost - 0.5 * cost)


def test_what_a_wrong_guess_costs_ends_with_the_plan_that_flushes_it():
    assert candidates(step("a", d=100.0), expected=3.0)["a"].risked_s == pytest.approx(3.0)


def test_speculation_yields_when_confirmed_work_wants_the_node():
    """The same guess, on an idle node and on one that is nearly full."""
    busy = Prices(nodes={"n": Contended(total=Resources(cpus=1), wanted={"cpus": 0.9})})

    assert decisions(candidates(step("a")))["a"].dispatch
    assert decisions(candidates(step("a"), prices=busy))["a"].refusal is Refusal.PRICE


def prices(*reservations, horizon=10.0, **more):
    node = ClusterNode(id="n", node_class="c", total=Resources(cpus=4))
    cluster = ClusterSnapshot(nodes=(node,), reservations=reservations)
    return Prices.of(cluster, CATALOG, horizon_s=horizon, **more)


def calls(count, *, start=0.0, end=10.0, provider="p"):
    return Reservation(provider=provider, calls=count, start_s=start, end_s=end)


def test_node_prices_rise_with_reservations_and_with_waiting_work():
    one = AgentSpec(name="one", capability="x", resources=Resources(cpus=1))
    reserved = prices(Reservation(node="n", resources=Resources(cpus=2), end_s=5.0))
    queued = prices(waiting={"n": Resources(cpus=8)})

    assert prices() == Prices()
    assert reserved.delay_s(one, "n", 1.0) == pytest.approx(0.25 * 0.25 / 0.75)
    assert queued.delay_s(one, "n", 1.0) > reserved.delay_s(one, "n", 1.0)


def test_a_provider_is_priced_by_the_calls_at_once_that_others_have_reserved():
    """Two of four calls over half of the horizon: a quarter is wanted, and one call takes a quarter."""
    found = prices(calls(2, end=5.0))

    assert found.nodes == {}
    assert found.delay_s(CATALOG.by_name["llm"], "n", 2.0) == pytest.approx(2.0 * 0.25 * 0.25 / 0.75)
    assert found.delay_s(CATALOG.by_name["free"], "n", 2.0) == 0.0


def test_a_request_has_its_price_whatever_becomes_of_the_call():
    """Twelve of twenty requests are wanted over the horizon; one more takes the whole rate for half a second."""
    found = prices(calls(12, start=5.0, end=5.001))

    assert found.delay_s(CATALOG.by_name["llm"], "n", 0.001) == pytest.approx(0.5 * 0.6 / 0.4)


def test_calls_that_have_begun_want_no_more_requests_and_calls_beyond_the_horizon_none_yet():
    assert "requests" not in prices(calls(1)).providers["p"].wanted
    assert prices(calls(4, start=11.0, end=12.0)) == Prices()


def test_a_provider_without_limits_costs_nothing_and_an_unknown_one_is_passed_over():
    assert prices(calls(99, provider="unlimited"), calls(99, provider="of another catalog")) == Prices()


def test_a_shard_that_has_a_part_of_a_providers_limits_finds_it_dear_sooner():
    half = prices(calls(1), share=0.5).providers["p"]

    assert half.wanted == {"calls": 0.5}
    assert prices(calls(1), share=0.01).providers["p"].total.custom["calls"] == 1.0


def test_speculation_yields_when_confirmed_work_wants_the_provider():
    """The same guess, with the provider idle and with nearly all its calls reserved by others."""
    full = prices(*[calls(1, end=9.8)] * 4)
    answers = [decisions(candidates(step("a", agent="llm"), prices=found))["a"] for found in (prices(), full)]

    assert answers[0].dispatch
    assert answers[0].cost_usd == pytest.approx(POLICY.idle_price * 0.001)
    assert answers[1].refusal is Refusal.PRICE


def test_what_waits_for_the_node_and_what_waits_for_the_provider_are_both_held_up():
    both = AgentSpec(name="both", capability="x", resources=Resources(cpus=1), provider="p")
    room = Reservation(node="n", resources=Resources(cpus=2), end_s=5.0)
    delays = [prices(*held).delay_s(both, "n", 1.0) for held in ((room,), (calls(2),), (room, calls(2)))]

    assert delays[2] == pytest.approx(delays[0] + delays[1])


def test_conditions_in_journals_from_before_providers_had_prices_are_still_read():
    """They held prices by node."""
    node = Contended(total=Resources(cpus=4), wanted={"cpus": 0.5})
    stored = json.dumps({"prices": {"node-1": node.model_dump(mode="json")}})

    assert Conditions.model_validate_json(stored).prices == Prices(nodes={"node-1": node})
    now = Conditions(prices=prices(calls(2)))
    assert Conditions.model_validate_json(now.model_dump_json()) == now
    assert Conditions.model_validate_json('{"prices": {}}') == Conditions()


def test_a_child_is_dispatched_together_with_its_parent_and_not_without_it():
    chain = candidates(step("a"), step("b", ("a",), start=1))
    assert all(answer.dispatch for answer in decisions(chain).values())

    chain = candidates(step("a", agent="paid", p=0.1), step("b", ("a",), start=1))
    assert decisions(chain)["b"].refusal is Refusal.PARENT


def test_a_cap_goes_to_the_best_guess():
    found = candidates(step("poor", p=0.6), step("good", d=2.0, p=0.9))
    answers = decisions(found, policy=GatePolicy(max_attempts=3), state=GateState(attempts=2))

    assert answers["good"].dispatch
    assert answers["poor"].refusal is Refusal.ATTEMPTS


@pytest.mark.parametrize(
    "state",
    [GateState(tenant_usd_left=0.001), GateState(tenant_agent_s_left=0.5), GateState(tenant_attempts_left=0)],
    ids=["dollars", "agent-seconds", "attempts"],
)
def test_a_tenant_with_nothing_left_does_not_speculate(state):
    bold = PlanningOptions(value_of_time_usd_per_s=1.0)
    found = candidates(step("a", agent="paid", p=0.99), options=bold)

    assert decisions(found, options=bold)["a"].dispatch
    assert decisions(found, state=state, options=bold)["a"].refusal in (Refusal.BUDGET, Refusal.ATTEMPTS)


def test_a_refused_guess_needs_a_margin_to_be_taken_after_all():
    """Between the plain rule and the rule with hysteresis a guess stays what it was."""
    barely = candidates(step("a", p=0.14))

    assert decisions(barely)["a"].dispatch
    assert decisions(barely, GateState(refused=frozenset({"a"})))["a"].refusal is Refusal.PRICE
    assert decisions(candidates(step("a", p=0.5)), GateState(refused=frozenset({"a"})))["a"].dispatch


def test_only_refusals_of_price_are_held_against_a_step():
    poor = list(decisions(candidates(step("a", p=0.01), step("b", d=2.0))).values())

    assert refused_for_price(poor, frozenset({"b"})) == {"a"}


def test_a_closed_gate_lets_nothing_through_and_a_throttled_one_a_probe():
    found = candidates(step("a", p=0.9), step("b", p=0.9))

    def taken(**state):
        return sum(answer.dispatch for answer in decisions(found, GateState(**state)).values())

    assert taken(closed=True) == 0
    assert taken(throttle=0.4) == 1
    assert taken(throttle=0.8) == 2
    assert taken(throttle=0.1) == 0


def test_the_learner_may_know_a_step_better_than_its_claim():
    found = candidates(
        step("a", p=0.9),
        step("b", p=0.9),
        calibration=Calibration(claimed=(0.0, 1.0), observed=(0.0, 0.5)),
        chances={"b": 0.7},
    )

    assert found["a"].probability == pytest.approx(0.45)
    assert found["b"].probability == pytest.approx(0.7)
    assert found["a"].claimed == 0.9


def test_a_calibration_must_be_a_monotone_map():
    for claimed, observed in [((0.2, 0.1), (0.1, 0.2)), ((0.1, 0.2), (0.2, 0.1)), ((0.1,), ()), ((0.1,), (1.2,))]:
        with pytest.raises(ValueError, match=r"must|0\.\.1"):
            Calibration(claimed=claimed, observed=observed)
    assert Calibration(claimed=(0.2, 0.8), observed=(0.1, 0.5)).of(0.5) == pytest.approx(0.3)
    assert Calibration(claimed=(0.2, 0.8), observed=(0.1, 0.5)).of(1.0) == 0.5


def test_an_overdue_planner_is_expected_by_its_90_percent_quantile_and_never_at_this_very_moment():
    guidance = Guidance(plan_p50_s=2.0, plan_p90_s=6.0)

    assert [guidance.expected_plan_s(now, prior_s=1.0) for now in (0.5, 1.9, 3.0, 9.0)] == [2.0, 2.9, 6.0, 10.0]
    assert Guidance().expected_plan_s(0.5, prior_s=1.0) == 1.0


def test_a_step_that_streams_in_early_saves_only_the_wait_for_itself():
    """Of a chain of three the head would be confirmed at 1 s, the last step at 3 s, with the plan."""
    chain = (step("a", p=1.0), step("b", ("a",), start=1, p=1.0), step("c", ("b",), start=2, p=1.0))
    whole, streamed = candidates(*chain), candidates(*chain, expected_steps_s=[1.0, 2.0, 3.0])

    assert [c.saved_s for c in whole.values()] == pytest.approx([3.0, 2.0, 1.0])
    assert [c.saved_s for c in streamed.values()] == pytest.approx([1.0, 1.0, 1.0])
    assert sum(c.own_s for c in streamed.values()) == pytest.approx(1.0)


def test_a_guess_that_streams_in_faster_than_it_could_run_saves_little_and_is_refused_sooner():
    """Steps of 5 s each, confirmed within half a second: there is nothing to hide them behind."""
    slow = (step("a", d=5.0, p=0.5), step("b", ("a",), start=5, d=5.0, p=0.4))
    answers = decisions(candidates(*slow, expected=0.5, expected_steps_s=[0.001, 0.5]))

    assert answers["a"].refusal is Refusal.TOO_SLOW
    assert decisions(candidates(*slow, expected=0.5))["a"].dispatch


def test_what_waits_for_a_late_confirmation_counts_for_those_before_it_only_as_often_as_it_survives():
    """The last step alone holds up the run: what is before it saves its seconds if the last one survives, none else."""
    chain = (step("a", p=0.8), step("b", ("a",), start=1, p=0.4))
    found = candidates(*chain, expected=9.0, expected_steps_s=[7.5, 9.0])

    assert found["b"].saved_s == pytest.approx(1.0)
    assert found["a"].own_s == 0.0
    assert found["a"].saved_s == pytest.approx(0.5 * 0.4 / 0.8)


def test_an_irreversible_step_starts_when_it_is_confirmed_and_what_is_before_it_may_save_the_way_there():
    """mail is confirmed at 2 s, after at 9 s: what is before them need not be early for the run to end then."""
    chain = (step("a"), step("mail", ("a",), "sends_mail", start=1), step("after", ("mail",), start=2))
    found = candidates(*chain, expected=9.0, expected_steps_s=[1.5, 2.0, 9.0])

    assert found["a"].saved_s == 0.0
    assert found["after"].saved_s == pytest.approx(1.0)


def test_a_wrong_guess_runs_until_the_plan_is_whole_however_early_it_would_have_been_confirmed():
    """A prefix of the plan flushes nothing."""
    found = candidates(step("a", d=100.0), step("b", d=100.0), expected_steps_s=[0.5, 3.0])

    assert found["a"].risked_s == pytest.approx(3.0)


def test_steps_are_expected_evenly_from_the_first_to_the_whole_plan():
    streams = Guidance(first_step_p50_s=1.0, plan_p50_s=4.0)

    assert streams.expected_steps_s(0.0, 4.0, [False] * 4) == pytest.approx([1.0, 2.0, 3.0, 4.0])
    assert streams.expected_steps_s(0.0, 4.0, [False]) == [4.0]
    assert streams.expected_steps_s(0.0, 4.0, []) == []
    assert Guidance(plan_p50_s=4.0).expected_steps_s(0.0, 4.0, [False] * 4) is None


def test_what_is_left_is_expected_as_planned_on_schedule_and_evenly_until_the_plan_otherwise():
    streams = Guidance(first_step_p50_s=1.0, plan_p50_s=4.0)
    begun = [True, True, False, False]

    assert streams.expected_steps_s(2.0, 4.0, begun) == pytest.approx([2.0, 2.0, 3.0, 4.0])
    assert streams.expected_steps_s(3.0, 6.0, begun)[2:] == pytest.approx([4.5, 6.0])
    assert streams.expected_steps_s(3.0, 6.0, [True] * 4) == [3.0] * 4


def test_an_overdue_first_step_is_not_expected_at_this_very_moment_and_never_after_the_plan():
    streams = Guidance(first_step_p50_s=1.0, plan_p50_s=4.0)

    assert streams.expected_steps_s(2.0, 4.0, [False] * 2) == pytest.approx([2.1, 4.0])
    assert streams.expected_steps_s(0.0, 0.5, [False] * 2) == [0.5, 0.5]


def test_an_agent_the_catalog_does_not_know_is_no_candidate():
    assert candidates(step("a", agent="gone"), step("b", ("a",)))["b"].saved_s == 0.0


def test_an_empty_plan_has_no_candidates():
    assert candidates() == {}


def test_pricing_is_linear_enough_for_thousands_of_steps():
    """A hang guard: a quadratic pass over 5,000 steps would take minutes."""
    chain = [step("s0"), *(step(f"s{i}", (f"s{i - 1}",), start=i * 0.001, d=0.001) for i in range(1, 5000))]

    assert len(decisions(candidates(*chain, expected=30.0))) == 5000
