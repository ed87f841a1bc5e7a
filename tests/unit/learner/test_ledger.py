import pytest
from outcome_streams import outcome, stream

from learner.online.ledger import Ledger, LedgerView


def ledger(*outcomes, **sizes):
    book = Ledger(**sizes)
    for one in outcomes:
        book.add(one)
    return book.view()


def test_work_that_was_not_speculative_is_not_in_the_ledger():
    assert ledger(outcome(speculative=False)).total.decisions == 0


def test_a_perfect_gate_has_no_regret_against_the_oracle():
    """It dispatched what survived and refused what did not."""
    view = ledger(outcome(0), outcome(1, survived=False, dispatched=False, seconds=0.0))

    assert view.total.regret_usd["oracle"] == pytest.approx(0.0)
    assert view.total.regret_usd["always"] == pytest.approx(-0.001)
    assert view.total.regret_usd["never"] == pytest.approx(-0.001)
    assert view.total.waste == 0.0


def test_regret_is_how_much_more_another_policy_was_worth():
    """One good guess refused (a second at 0.001 usd), one bad guess dispatched (C = 0.001 usd)."""
    view = ledger(outcome(0, dispatched=False, seconds=0.0), outcome(1, survived=False, seconds=3.0, usd=0.5))

    assert view.total.worth_usd.gate == pytest.approx(-0.001)
    assert view.total.worth_usd.oracle == pytest.approx(0.001)
    assert view.total.worth_usd.always == pytest.approx(0.0)
    assert view.total.regret_usd == pytest.approx({"oracle": 0.002, "always": 0.001, "never": 0.001})
    assert (view.total.wasted_s, view.total.wasted_usd, view.total.waste) == (3.0, 0.5, 1.0)


def test_a_refused_guess_is_credited_what_it_would_have_saved():
    """Its realised seconds where they are known, else its own part of L."""
    known = ledger(outcome(dispatched=False, realised_s=0.25)).total.worth_usd.oracle
    unknown = ledger(outcome(dispatched=False, realised_s=None, own_s=0.5)).total.worth_usd.oracle

    assert (known, unknown) == pytest.approx((0.00025, 0.0005))


def test_entries_are_the_newest_first_and_bounded():
    view = ledger(*(outcome(number) for number in range(50)), entries=10)

    assert [entry.step for entry in view.entries] == [f"s{number}" for number in range(49, 39, -1)]
    assert view.total.decisions == 50


def test_kinds_are_summed_separately_and_bounded():
    view = ledger(*(outcome(n, task_kind=f"k{n}") for n in range(20)), kinds=5)

    assert list(view.by_kind) == [f"k{n}" for n in range(15, 20)]


def test_calibration_is_of_all_decisions():
    view = ledger(*stream(2_000))

    assert view.total.calibration.count == 2_000
    assert view.total.calibration.ece < 0.05


def test_the_view_round_trips_through_json():
    view = ledger(*stream(20))

    assert LedgerView.model_validate_json(view.model_dump_json()) == view


def test_an_empty_ledger_has_a_view():
    assert ledger().total.waste == 0.0
