"""Words of a request: what is masked, and how much of a long one is read."""

import pytest

from planners.text.tokens import name_words, plain_words, words


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Book a hotel in Oslo", ("book", "a", "hotel", "in", "properx")),
        ("at 7:15 pm, 3 times", ("at", "timex", ",", "numx", "time")),
        ("open 'this file' of https://a.example/x", ("open", "quotedx", "of", "urlx")),
        ("by 2024-01-02 for A77", ("by", "datex", "for", "idx")),
    ],
)
def test_arguments_are_replaced_by_their_kind(text, read):
    assert words(text) == read


def test_plain_words_leave_names_and_numbers_out():
    assert plain_words("Trains to Oslo on platform 5") == ["train", "to", "on", "platform"]


def test_an_identifier_becomes_words():
    assert name_words("trainTicket_query") == "train Ticket query"


def test_of_a_long_request_the_beginning_and_the_end_are_read():
    read = words("first " + "filler " * 1_000_000 + "last")

    assert (read[0], read[-1], len(read)) == ("first", "last", 256)
