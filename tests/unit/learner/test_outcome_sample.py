from outcome_streams import outcome

from learner.online.outcome_sample import OutcomeSample


def add_all(sample, count):
    for number in range(count):
        sample.add(outcome(number))


def test_the_newest_outcomes_are_kept_whole_and_in_order():
    sample = OutcomeSample(window=10, reservoir=5)
    add_all(sample, 100)

    assert [one.attempt for one in sample.outcomes()[-10:]] == [f"a{n}" for n in range(90, 100)]
    assert len(sample) == 15
    assert sample.total == 100


def test_older_outcomes_are_a_fair_sample():
    """Of 2,000 outcomes before the window, those kept are as often from the first half as from the second."""
    sample = OutcomeSample(window=1, reservoir=400)
    add_all(sample, 2_001)
    numbers = [int(one.attempt[1:]) for one in sample.outcomes()[:-1]]

    assert len(set(numbers)) == 400
    assert 150 < sum(number < 1_000 for number in numbers) < 250


def test_the_same_outcomes_leave_the_same_sample():
    first, second = OutcomeSample(window=5, reservoir=5), OutcomeSample(window=5, reservoir=5)
    for sample in (first, second):
        add_all(sample, 50)

    assert first.outcomes() == second.outcomes()
