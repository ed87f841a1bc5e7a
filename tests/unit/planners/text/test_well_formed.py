"""Text without lone surrogates."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planners.text.well_formed import well_formed, well_formed_json

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=20)


@settings(max_examples=100, deadline=None)
@given(ANY_TEXT)
def test_well_formed_text_can_always_be_encoded(text):
    assert well_formed(text).encode().decode() == well_formed(text)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=20))
def test_text_without_surrogates_is_unchanged(text):
    assert well_formed(text) is text


@pytest.mark.parametrize(("text", "read"), [("\ud83d\ude00", "\U0001f600"), ("a\ud83d", "a\ufffd")])
def test_pairs_are_joined_and_lone_surrogates_replaced(text, read):
    assert well_formed(text) == read


def test_every_string_and_key_of_a_json_value_becomes_well_formed():
    assert well_formed_json({"\ud83d": ["\ude00", 1, None, {"a": "b"}]}) == {"\ufffd": ["\ufffd", 1, None, {"a": "b"}]}
