"""What starting a guessed step early saves."""

import pytest
from gate_questions import candidates, decisions, step

from planners.tasks import PlanningOptions
from reconciler.gate import Guidance, Refusal


def test_own_parts_of_a_chain_add_up_to_what_the_chain_saves():
    """Three seconds of work fit into the three seconds of planning; each step saves its own one."""
    chain = candidates(step("a"), step("b", ("a",), start=1), step("c", ("b",), start=2))

    assert [c.appraisal.own_s for c in chain.values()] == pytest.approx([1.0, 1.0, 1.0])


def test_a_first_step_counts_what_it_enables_by_how_likely_that_survives():
    """L of the head: its own second, and its child's second times P(child)/P(head)."""
    chain = candidates(step("a", p=0.8), step("b", ("a",), start=1, p=0.4))

    assert chain["a"].appraisal.saved_s == pytest.approx(1.0 + 0.4 / 0.8)
    assert chain["b"].appraisal.saved_s == pytest.approx(1.0)


def test_no_step_saves_more_than_the_wait_for_the_plan():
    """A long step saves what is left of planning, not its own length."""
    assert candidates(step("a", d=50.0), now=1.0)["a"].appraisal.saved_s == pytest.approx(2.0)


def test_slack_is_subtracted():
    """Beside a branch of 10 s, one of 1 s could start 9 s later at no cost; beside one of 3 s it claims its part,
    one to three, of the second for which both must come early."""
    assert candidates(step("long", d=10.0), step("short"))["short"].appraisal.saved_s == 0.0
    assert candidates(step("long", d=3.0), step("short"))["short"].appraisal.saved_s == pytest.approx(0.25)


def test_branches_that_must_all_come_early_share_what_that_saves():
    """Three of 2 s: the run ends 2 s sooner if all three are early, no sooner for any two."""
    found = candidates(*(step(name, d=2.0) for name in "abc"), step("end", tuple("abc"), start=2.0, p=0.8))

    assert sum(found[name].appraisal.saved_s for name in "abc") == pytest.approx(3.0)
    assert found["a"].appraisal.saved_s == found["b"].appraisal.saved_s == pytest.approx(1.0)


def test_a_branch_claims_no_more_than_the_weakest_beside_it_lets_happen():
    """The longer of two claims the second that is its own whole, and two thirds of the other as often as both
    survive."""
    found = candidates(step("long", d=2.0, p=0.8), step("short", p=0.4))

    assert found["long"].appraisal.saved_s == pytest.approx(1.0 + 2 / 3 * 0.4 / 0.8)
    assert found["short"].appraisal.saved_s == pytest.approx(1 / 3)


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

    assert queued["a"].appraisal.saved_s > 2.0


def test_an_irreversible_step_and_those_behind_it_wait_for_the_optimal_plan():
    """What precedes it still saves its own seconds."""
    found = candidates(step("a"), step("mail", ("a",), "sends_mail", start=1), step("after", ("mail",), start=2))
    answers = decisions(found)

    assert answers["a"].dispatch
    assert answers["mail"].refusal is Refusal.EFFECT
    assert answers["after"].refusal is Refusal.PARENT
    assert found["after"].appraisal.saved_s == 0.0


def test_a_guess_slower_than_the_call_it_hides_is_not_tried():
    """The guess came at 4 s, the plan is expected at 3 s."""
    answers = decisions(candidates(step("a", p=1.0), now=4.0))

    assert answers["a"].refusal is Refusal.TOO_SLOW


def test_what_is_done_does_not_keep_the_run_from_ending_so_late_steps_of_a_long_chain_save_as_much_as_early_ones():
    """Four of five seconds have gone by, four of five steps are done: the last one still saves its own second."""
    chain = [step("s0"), *(step(f"s{i}", (f"s{i - 1}",), start=i) for i in range(1, 5))]
    found = candidates(*chain, now=4.0, expected=5.0, under_way={f"s{i}": 4.0 for i in range(4)})

    assert found["s4"].appraisal.saved_s == pytest.approx(1.0)


def test_a_child_whose_parent_ends_after_the_plan_is_expected_saves_nothing():
    found = candidates(step("a"), step("b", ("a",), start=1), now=0.5, under_way={"a": 5.0})

    assert list(found) == ["b"]
    assert found["b"].appraisal.saved_s == 0.0


def test_an_overdue_planner_is_expected_by_its_90_percent_quantile_and_never_at_this_very_moment():
    guidance = Guidance(plan_p50_s=2.0, plan_p90_s=6.0)

    assert [guidance.expected_plan_s(now, prior_s=1.0) for now in (0.5, 1.9, 3.0, 9.0)] == [2.0, 2.9, 6.0, 10.0]
    assert Guidance().expected_plan_s(0.5, prior_s=1.0) == 1.0


def test_an_agent_the_catalog_does_not_know_is_no_candidate():
    assert candidates(step("a", agent="gone"), step("b", ("a",)))["b"].appraisal.saved_s == 0.0


def test_an_empty_plan_has_no_candidates():
    assert candidates() == {}


def test_pricing_is_linear_enough_for_thousands_of_steps():
    """A hang guard: a quadratic pass over 5,000 steps would take minutes."""
    chain = [step("s0"), *(step(f"s{i}", (f"s{i - 1}",), start=i * 0.001, d=0.001) for i in range(1, 5000))]

    assert len(decisions(candidates(*chain, expected=30.0))) == 5000
