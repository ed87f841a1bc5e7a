from outcome_streams import outcome

from learner.online.outcome_sample import OutcomeSample


def test_the_newest_outcomes_are_kept_whole_and_in_order():
    history = OutcomeSample(window=10, reservoir=5)
    history.add(outcome(number) for number in range(100))

    assert [one.attempt for one in history.sample()[-10:]] == [f"a{n}" for n in range(90, 100)]
    assert len(history) == 15
    assert history.total == 100


def test_older_outcomes_are_a_fair_sample():
    """Of 2,000 outcomes before the window, those kept are as often from the first half as from the second."""
    history = OutcomeSample(window=1, reservoir=400)
    history.add(outcome(number) for number in range(2_001))
    numbers = [int(one.attempt[1:]) for one in history.sample()[:-1]]

    assert len(set(numbers)) == 400
    assert 150 < sum(number < 1_000 for number in numbers) < 250


def test_the_same_outcomes_leave_the_same_sample():
    first, second = OutcomeSample(window=5, reservoir=5), OutcomeSample(window=5, reservoir=5)
    for history in (first, second):
        history.add(outcome(number) for number in range(50))

    assert first.sample() == second.sample()
