"""Small first: what is learned from checks beats always asking the small or the large agent first."""

import random

import pytest
from escalating_runs import LARGE, MIXED, SMALL, Knowing, Service, Trusting

TASKS = 200


def load(letters, *, tasks=TASKS, seed=1):
    """Kinds of inputs, a share of them easy."""
    source = random.Random(seed)
    return ["letter" if source.random() < letters else "contract" for _ in range(tasks)]


@pytest.mark.parametrize("letters", [0.2, 0.5, 0.8])
def test_a_mixed_load_costs_less_than_with_either_agent_first(letters):
    kinds = load(letters)

    learned = Service().mean_cost(kinds)

    assert learned < 0.97 * Service(costs=Trusting()).mean_cost(kinds)  # the small one first, wherever it is cheaper
    assert learned < 0.95 * Service(agents=(LARGE,), costs=Trusting()).mean_cost(kinds)


@pytest.mark.parametrize("letters", [0.0, 1.0])
def test_where_one_of_them_is_always_right_it_is_nearly_as_good(letters):
    kinds = load(letters)
    always = [Service(costs=Trusting()), Service(agents=(LARGE,), costs=Trusting())]

    assert Service().mean_cost(kinds) < 1.05 * min(service.mean_cost(kinds) for service in always)


def test_once_learned_it_is_nearly_as_good_as_knowing():
    service, knowing = Service(), Service(costs=Knowing(MIXED))
    service.mean_cost(load(0.5))
    kinds = load(0.5, seed=2)

    assert service.mean_cost(kinds) < 1.1 * knowing.mean_cost(kinds)


def test_a_small_agent_that_has_become_good_is_found_again():
    service = Service()
    service.mean_cost(load(0.0))
    good = {**MIXED, "small": {"letter": 0.95, "contract": 0.95}}
    service.mean_cost(load(0.0), good)

    assert service.mean_cost(load(0.0, seed=2), good) < 0.5 * Service(costs=Knowing(MIXED)).mean_cost(load(0.0))


def test_a_small_agent_that_has_become_bad_is_soon_left():
    service = Service()
    service.mean_cost(load(1.0))
    bad = {**MIXED, "small": {"letter": 0.0, "contract": 0.0}}
    service.mean_cost(load(1.0, tasks=80), bad)

    after = service.mean_cost(load(1.0, tasks=100, seed=2), bad)
    large = Service(agents=(LARGE,), costs=Trusting()).mean_cost(load(1.0, tasks=100, seed=2), bad)
    assert after < 1.1 * large


def test_without_outcomes_the_declared_quality_decides():
    poor = SMALL.model_copy(update={"quality": 0.05})

    assert Service(agents=(SMALL, LARGE)).cost_of("letter") < 2
    assert Service(agents=(poor, LARGE)).cost_of("letter") > 7
