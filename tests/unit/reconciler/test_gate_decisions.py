"""What a guess may cost, and which guesses the gate lets through."""

import json

import pytest
from gate_questions import CATALOG, POLICY, candidates, decisions, step

from planners.agents import AgentSpec
from planners.cluster import ClusterNode, ClusterSnapshot, Reservation
from planners.resources import Resources
from planners.tasks import PlanningOptions
from reconciler.gate import Calibration, Contended, GatePolicy, GateState, Prices, Refusal, refused_for_price
from reconciler.state.conditions import Conditions


def test_an_agent_that_discloses_is_never_speculated_on():
    assert decisions(candidates(step("a", agent="tells_others", p=1.0)))["a"].refusal is Refusal.EFFECT


def test_a_free_agent_on_an_idle_node_is_dispatched_readily_and_a_dear_one_is_not():
    answers = decisions(candidates(step("a", p=0.5), step("b", agent="paid", p=0.5)))

    assert answers["a"].dispatch
    assert answers["b"].refusal is Refusal.PRICE


def test_the_rule_is_the_one_of_the_design():
    """P*L*V - (1-P)*C against (1-alpha)*C, to the last term."""
    found = candidates(step("a", agent="paid", p=0.6), expected=20.0)
    answer = decisions(found)["a"]
    p, seconds, cost = 0.6, found["a"].appraisal.saved_s, found["a"].appraisal.cost_usd

    assert cost == pytest.approx(0.01 + 1.0 * POLICY.idle_price * 0.001)
    assert answer.margin_usd == pytest.approx(p * seconds * 0.001 - (1 - p) * cost - 0.5 * cost)


def test_what_a_wrong_guess_costs_ends_with_the_plan_that_flushes_it():
    assert candidates(step("a", d=100.0), expected=3.0)["a"].appraisal.risked_s == pytest.approx(3.0)


def test_a_wrong_guess_costs_what_such_guesses_have_used_and_the_caps_count_what_it_may_use():
    """The first prefix that contradicts a guess has it flushed."""
    whole, early = (candidates(step("a", d=2.0), expected=3.0, risk_ratio=ratio)["a"] for ratio in (1.0, 0.5))

    assert early.appraisal.cost_usd == pytest.approx(whole.appraisal.cost_usd / 2)
    assert early.appraisal.risked_s == whole.appraisal.risked_s == pytest.approx(2.0)
    assert early.appraisal.saved_s == whole.appraisal.saved_s


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
    assert answers[0].appraisal.cost_usd == pytest.approx(POLICY.idle_price * 0.001)
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

    assert found["a"].appraisal.probability == pytest.approx(0.45)
    assert found["b"].appraisal.probability == pytest.approx(0.7)
    assert found["a"].appraisal.claimed == 0.9


def test_a_calibration_must_be_a_monotone_map():
    for claimed, observed in [((0.2, 0.1), (0.1, 0.2)), ((0.1, 0.2), (0.2, 0.1)), ((0.1,), ()), ((0.1,), (1.2,))]:
        with pytest.raises(ValueError, match=r"must|0\.\.1"):
            Calibration(claimed=claimed, observed=observed)
    assert Calibration(claimed=(0.2, 0.8), observed=(0.1, 0.5)).of(0.5) == pytest.approx(0.3)
    assert Calibration(claimed=(0.2, 0.8), observed=(0.1, 0.5)).of(1.0) == 0.5
