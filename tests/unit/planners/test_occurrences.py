"""Numbers of like work: those that are taken are never given out again, and ranges stay few."""

from planners.occurrences import nth_free, with_number


def test_numbers_that_follow_each_other_are_one_range():
    taken = ()
    for number in (1, 2, 3, 7, 5, 6):
        taken = with_number(taken, number)

    assert taken == ((1, 4), (5, 8))


def test_free_numbers_skip_what_is_taken():
    assert [nth_free(count, ((1, 4), (5, 8))) for count in range(4)] == [0, 4, 8, 9]
