"""Small first: what is learned from checks beats always asking the small or the large agent first."""

import random
from collections import Counter

import pytest
from escalating_runs import LARGE, MIXED, SMALL, Knowing, Service, Shares, Trusting

from planners.agents import AgentSpec
from planners.resources import Resources
from reconciler.gate import Contended, Contention, Prices
from reconciler.state.commands import RunStatus
from reconciler.state.outcomes import Verdict
from reconciler.state.run import RunState
from reconciler.views.projections import bar

TASKS = 200


def load(letters, *, tasks=TASKS, seed=1):
    """Kinds of inputs, a share of them easy."""
    source = random.Random(seed)
    return ["letter" if source.random() < letters else "contract" for _ in range(tasks)]


@pytest.mark.parametrize("letters", [0.5, *(pytest.param(share, marks=pytest.mark.slow) for share in (0.2, 0.8))])
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


def test_kinds_of_input_whose_outputs_people_refuse_move_to_the_large_agent():
    service = Service(reviewed=True)
    service.mean_cost(load(0.5))
    service.asked.clear()
    kinds = load(0.5, tasks=100, seed=2)

    service.mean_cost(kinds)

    asked = Counter(zip(kinds, service.asked, strict=True))
    assert asked["letter", "small"] > 9 * asked["letter", "large"]
    assert asked["contract", "large"] > 3 * asked["contract", "small"]


UNSURE: Shares = {"small": {"letter": 0.5}, "large": {"letter": 1.0}}


def played(**more):
    """A hundred letters that the small agent answers well half of the time."""
    service = Service(costs=Knowing(UNSURE), **more)
    service.mean_cost(["letter"] * 100, UNSURE)
    assert all(run.status is RunStatus.SUCCEEDED for run in service.runs)
    return service.runs


def stood_by(runs):
    """The attempts that stood by."""
    return [attempt for run in runs for attempt in run.attempts.values() if attempt.standby]


@pytest.fixture
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


@pytest.mark.usefixtures("validated")
def test_a_large_agent_that_stands_by_saves_seconds_and_is_flushed_where_the_small_one_suffices():
    alone, beside = played(), played(value_usd_per_s=1.0)

    assert not stood_by(alone)
    assert len(stood_by(beside)) == 100
    for one, both in zip(alone, beside, strict=True):
        assert both.at_s <= one.at_s
        served = both.attempts[both.steps.attempt_of("s")]
        (standby,) = stood_by([both])
        assert (served.placement.agent == "large") is (standby.verdict is Verdict.COMMIT)
        assert (served.placement.agent == "small") is (standby.verdict is Verdict.FLUSH)
        assert bar(both, standby).beside == "standby"
        # What stood by is the attempt that takes over: none is made anew.
        assert sum(attempt.placement.agent == "large" for attempt in both.attempts.values()) == 1
    refused = [number for number, run in enumerate(beside) if stood_by([run])[0].verdict is Verdict.COMMIT]
    assert 10 < len(refused) < 45
    assert all(alone[number].at_s - beside[number].at_s > 1.9 for number in refused)


@pytest.mark.usefixtures("validated")
@pytest.mark.parametrize(("usd_per_s", "count"), [(0.0001, 20), (1.0, 0)])
def test_a_standby_pays_for_the_confirmed_work_of_others_that_it_delays(usd_per_s, count):
    agents = (SMALL, LARGE.model_copy(update={"resources": Resources(cpus=1)}))
    busy = Contended(total=Resources(cpus=4), wanted={"cpus": 0.95})
    contention = Contention(prices=Prices(nodes={"n": busy}), usd_per_s=usd_per_s)

    service = Service(agents=agents, costs=Knowing(UNSURE), value_usd_per_s=1.0, contention=contention)
    service.mean_cost(["letter"] * 20, UNSURE)

    assert len(stood_by(service.runs)) == count


@pytest.mark.usefixtures("validated")
@pytest.mark.parametrize(
    ("large", "more"),
    [
        ({}, {"value_usd_per_s": 0.001}),
        ({}, {"value_usd_per_s": 1.0, "limits": {"budget_usd": 0.0205}}),
        ({"effect": "stageable"}, {"value_usd_per_s": 1.0}),
        ({"effect": "irreversible"}, {"value_usd_per_s": 1.0}),
        ({"discloses": True}, {"value_usd_per_s": 1.0}),
    ],
)
def test_nobody_stands_by_where_it_does_not_pay_or_may_not_run_in_vain(large, more):
    agents = (SMALL, AgentSpec.model_validate(LARGE.model_dump() | large))

    service = Service(agents=agents, costs=Knowing(UNSURE), **more)
    service.mean_cost(["letter"] * 20, UNSURE)

    assert not stood_by(service.runs)
