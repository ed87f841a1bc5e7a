"""The patterns of textbooks come out as they must, in virtual time."""

import pytest

from benchmarks.textbook import PATTERNS, measured


@pytest.mark.parametrize(
    ("name", "seconds", "lost"),
    [
        ("straggler, waited for", 6.0, 0),
        ("straggler, timeout of 1.5 s", 2.5, 1),
        ("straggler, timeout of 1.1 s", 2.1, 1),
        ("straggler, second attempt as its peers tell", 3.2, 0),
        ("straggler, given up at 1.1 times its peers", 2.1, 1),
        ("straggler, quorum of 7", 2.0, 1),
        ("look-ups in sequence", 39.0, 0),
        ("look-ups side by side", 12.0, 0),
        ("all specialists in sequence", 31.0, 0),
        ("one specialist by route", 11.0, 0),
    ],
)
def test_a_pattern_takes_the_time_of_its_critical_path_and_loses_what_it_says(name, seconds, lost):
    figures = measured(PATTERNS[name])

    assert figures["seconds"] == pytest.approx(seconds, abs=0.05)
    assert figures["lost_results"] == lost
