"""Limits that no plan can keep are refused with the field and the fix."""

from tasks_to_refuse import CATALOG, loop, refused, step, task

from planners.validation import check


def test_a_budget_below_the_cheapest_calls_is_refused():
    over = list(range(20))
    poor = task(loop("each", over, step("a")), limits={"budget_usd": 0.1})
    choosy = task(step("a"), objective={"min_quality": 0.8}, limits={"budget_usd": 0.1})

    assert refused(poor).field == "limits.budget_usd"
    assert "$0.2" in refused(poor).message
    assert "$0.5" in refused(choosy).message
    check(task(loop("each", over, step("a")), limits={"budget_usd": 0.2}), CATALOG)


def test_a_deadline_below_any_conceivable_critical_path_is_refused():
    chain = step("a", "slow"), step("b", "slow", after=["a"]), step("c", "slow")

    assert refused(task(*chain, limits={"deadline_s": 15})).field == "limits.deadline_s"
    check(task(*chain, limits={"deadline_s": 25}), CATALOG)


def test_a_deadline_counts_a_block_once_and_an_unknown_one_not_at_all():
    check(task(loop("each", [1, 2, 3], step("a", "slow")), limits={"deadline_s": 11}), CATALOG)
    check(task(step("o"), loop("each", "$steps.o", step("a", "slow")), limits={"deadline_s": 1}), CATALOG)
    refused(task(loop("each", [1], step("a", "slow")), limits={"deadline_s": 9}))


def test_too_many_steps_are_refused_before_they_are_made():
    over = list(range(1000))

    error = refused(task(loop("outer", over, loop("inner", over, step("a")))))

    assert "1,000,000 steps" in error.message
