"""Amounts of money, as people read them."""

import pytest

from planners.amounts import dollars


@pytest.mark.parametrize(
    ("usd", "shown"),
    [
        (0, "$0"),
        (5.309e-05, "$0.000053"),
        (0.0042, "$0.0042"),
        (0.01, "$0.01"),
        (12.345, "$12.35"),
        (1234.5, "$1,234.50"),
    ],
)
def test_dollars_are_shown_as_people_read_them(usd, shown):
    assert dollars(usd) == shown


@pytest.mark.parametrize(
    ("usd", "shown"),
    [(0.1 + 0.2, "$0.30"), (0.301, "$0.31"), (4.0, "$4.00"), (0.00421, "$0.0043"), (1234.501, "$1,234.51")],
)
def test_advice_on_a_limit_is_never_below_what_is_needed(usd, shown):
    assert dollars(usd, round_up=True) == shown
