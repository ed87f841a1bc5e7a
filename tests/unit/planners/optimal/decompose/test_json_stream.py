"""Reading a list from JSON that is still being written."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planners.optimal.decompose.json_stream import MalformedAnswer, StreamedObjects

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.lists(st.dictionaries(st.text(max_size=4), JSON, max_size=3), max_size=5)


@settings(max_examples=60, deadline=None)
@given(items=OBJECTS, size=st.integers(1, 40), indent=st.sampled_from([None, 2]), ascii_only=st.booleans())
def test_however_the_text_is_cut_the_items_are_those_of_the_whole(items, size, indent, ascii_only):
    text = json.dumps({"steps": items}, indent=indent, ensure_ascii=ascii_only)
    reader = StreamedObjects("steps")

    read = [item for start in range(0, len(text), size) for item in reader.feed(text[start : start + size])]
    reader.finish()

    assert read == items


def test_an_item_is_there_with_its_last_character_and_not_before():
    reader = StreamedObjects("steps")

    assert list(reader.feed('{"steps": [{"id": "a"')) == []
    assert list(reader.feed("}")) == [{"id": "a"}]
    assert not reader.closed


def test_a_fence_and_words_around_the_answer_do_no_harm():
    reader = StreamedObjects("steps")

    assert list(reader.feed('Here it is:\n```json\n{"steps": [{"id": "a"}]}\n```\nDone.')) == [{"id": "a"}]
    assert reader.closed


@pytest.mark.parametrize(
    "text",
    [
        '{"steps" ["a"]}',
        '{"steps": ["a"]}',
        '{"steps": [{"id": NaN}]}',
        '{"steps": [{"id": ' + "9" * 5000 + "}]}",
        '{"steps": {"id": 1}}',
        '{"steps": [{"id" is 1}, {"id": 2}]}',
        '{"steps": [{"id": tru1}]}',
    ],
)
def test_what_no_continuation_can_make_valid_is_refused_at_once(text):
    with pytest.raises(MalformedAnswer):
        list(StreamedObjects("steps").feed(text))


@pytest.mark.parametrize("text", ["", "I cannot do that.", '{"steps": [', '{"steps": [{"id": "a"}'])
def test_an_answer_that_ends_too_early_is_refused_at_its_end(text):
    reader = StreamedObjects("steps")
    list(reader.feed(text))

    with pytest.raises(MalformedAnswer):
        reader.finish()


@pytest.mark.parametrize(
    ("start", "more", "said"),
    [
        ('{"steps": [{"x": ', "[", "levels deep"),
        ('{"steps": [{"x": "', "y", "one element of the list has more"),
        ("", "Let me think. ", "the text before the list has more"),
    ],
)
def test_an_answer_without_end_is_refused(start, more, said):
    reader = StreamedObjects("steps")
    list(reader.feed(start))

    with pytest.raises(MalformedAnswer, match=said):
        [list(reader.feed(more)) for _ in range(70_000)]


def test_an_escape_may_be_cut_in_two():
    reader = StreamedObjects("steps")

    assert list(reader.feed('{"steps": [{"x": "\\')) == []
    assert list(reader.feed('"}"}]}')) == [{"x": '"}'}]
