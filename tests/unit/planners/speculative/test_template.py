"""Templates match the same goal with other values, and no other goal."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from planners.speculative.template import collapsed, filled, literals, masked, template_of

WORDS = st.text(alphabet="abcdefgh ,.'\"0123456789", max_size=60).map(collapsed)


@settings(max_examples=100, deadline=None)
@example(goal="""say '"' again""", used=[])
@given(goal=WORDS, used=st.lists(st.sampled_from(["ab", "cd e", "12", "a"]), max_size=3))
def test_every_goal_matches_its_own_template(goal, used):
    template, values = template_of(goal, used)

    assert template.match(goal) == values
    assert "".join(part for pair in zip(template.texts, (*values, ""), strict=True) for part in pair) == goal


@pytest.mark.parametrize(
    ("other", "values"),
    [
        ("Fly from Rome to Oslo on 2025-01-02 for 2", ("Rome", "Oslo", "2025-01-02", "2")),
        ("Fly from New York to San Jose on 3/4 for 11", ("New York", "San Jose", "3/4", "11")),
    ],
)
def test_other_values_are_found_where_the_plan_used_some(other, values):
    template, _ = template_of("Fly from Paris to London on 2024-08-15 for 4", ["Paris", "London"])

    assert template.match(other) == values


@pytest.mark.parametrize(
    "other",
    [
        "Fly from Rome to Oslo on Monday for 2",
        "Fly from Rome to Oslo on 2025-01-02 for 2 and book a hotel",
        "Fly from Rome to Oslo and from there on to the next airport on 2025-01-02 for 2",
        "Drive from Rome to Oslo on 2025-01-02 for 2",
        "Fly from Rome",
        "",
    ],
)
def test_another_goal_does_not_match(other):
    template, _ = template_of("Fly from Paris to London on 2024-08-15 for 4", ["Paris", "London"])

    assert template.match(other) is None


def test_a_template_that_would_match_anything_is_not_made():
    template, values = template_of("summarise this", ["summarise this", "summarise", "this"])

    assert template.texts == ("summarise this",)
    assert values == ()


def test_quotes_addresses_and_words_with_digits_are_literals():
    found = [
        (value.kind, value.text) for value in literals('Take "a b", CA1234 and 8:00 from https://x.example/y?z=1.')
    ]

    assert found == [("quoted", "a b"), ("number", "CA1234"), ("number", "8:00"), ("url", "https://x.example/y?z=1")]


@pytest.mark.parametrize(
    "value", ["Paris", "fly to Paris", 4, ["Paris", {"a": "London and Paris"}], "nothing of it", None, True, 1.5]
)
def test_masking_and_filling_with_the_same_values_gives_the_literal_back(value):
    values, goal = ("Paris", "London", "4"), "the goal"

    assert filled(masked(value, values, goal), values, goal) == value


def test_filling_with_other_values_gives_the_literal_of_the_other_goal():
    values, goal = ("Paris", "4"), "Fly to Paris for 4"
    literal = {"to": "Paris", "days": 4, "note": "trip to Paris", "all": goal}

    assert filled(masked(literal, values, goal), ("Rome", "7"), "Fly to Rome for 7") == {
        "to": "Rome",
        "days": 7,
        "note": "trip to Rome",
        "all": "Fly to Rome for 7",
    }


def test_which_of_two_overlapping_values_becomes_a_slot_does_not_depend_on_the_hash_seed():
    """Sets of texts have another order in every process; templates must not."""
    for i in range(20):
        left, right = f"a{chr(97 + i)} mid", f"mid {chr(97 + i)}z"
        goal = f"please tell us everything about {left}{right[3:]} as soon as you can"
        _, values = template_of(goal, {right, left})
        assert values == (left,)


def test_long_numbers_of_a_goal_lose_no_digit():
    assert filled({"$number": 0}, ("1234567890123456789",), "") == 1234567890123456789
    assert filled({"$number": 0}, ("1e999",), "") == "1e999"


def test_a_goal_with_very_many_values_has_a_bounded_number_of_slots():
    goal = "Add " + " and ".join(str(number) for number in range(1000, 1200))
    template, values = template_of(goal, [])

    assert len(template.slots) == len(values) == 64
    assert template.match(goal) == values


def test_a_used_text_is_found_only_between_word_boundaries():
    template, values = template_of("cut the cat out of the catalogue, cat", ["cat"])

    assert values == ("cat", "cat")
    assert template.texts == ("cut the ", " out of the catalogue, ", "")
