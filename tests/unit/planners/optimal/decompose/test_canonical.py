"""Equal work reads equal, whoever wrote it."""

import pytest

from planners.canonical import canonical_id, typed


@pytest.mark.parametrize(
    ("value", "kind", "meant"),
    [
        ("5", "integer", 5),
        ("5.5", "number", 5.5),
        (5.0, "number", 5),
        (5, "string", "5"),
        ("five", "integer", "five"),
        ("5", "string", "5"),
        (True, "boolean", True),
        ([1], "string", [1]),
    ],
)
def test_a_literal_has_the_type_its_schema_asks_for_where_nothing_is_lost(value, kind, meant):
    found = typed(value, {"type": kind})

    assert (found, type(found)) == (meant, type(meant))


def test_ids_are_the_first_free_ones_made_of_the_capability():
    assert canonical_id("a b.c", set()) == "a_b_c"
    assert canonical_id("a", {"a", "a-2"}) == "a-3"
    assert canonical_id("", set()) == "step"


@pytest.mark.parametrize(
    ("text", "meant"),
    [("1234567890123456789", 1234567890123456789), ("-9007199254740993", -9007199254740993), ("nan", "nan")],
)
def test_long_numbers_lose_no_digit_and_words_are_no_numbers(text, meant):
    assert typed(text, {"type": "integer"}) == meant
