"""What trying a small agent first costs on average, in seconds and dollars, before a larger one takes over."""

import random
from itertools import permutations

import pytest

from planners.agents import AgentSpec, Catalog
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import CERTAIN, Acceptance, PriorCosts
from planners.escalation import Extra, Option, extras
from planners.expansion import flatten
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.scheduling.cp_sat.solver import schedule
from planners.scheduling.validate import violations
from planners.tasks import Objective, Task
from planners.workflow import Workflow

CLUSTER = ClusterSnapshot(nodes=(ClusterNode(id="n", node_class="cpu", total=Resources(cpus=2)),))


class Accepting(PriorCosts):
    """Priors, with known shares of accepted outputs. ``judged``: people judge outputs of steps without a check."""

    def __init__(self, *, judged=False, **shares):
        self._shares = shares
        self._judged = judged

    def acceptance(self, agent, step):
        share = self._shares[agent.name]
        return CERTAIN if step.check is None and not self._judged else Acceptance(share, share / 2)


def agents(small_s=1.0, large_s=10.0):
    common = {"capability": "work", "retry": {"max_attempts": 1}, "resources": Resources()}
    return (
        AgentSpec(name="small", expected_s=small_s, price={"usd_per_call": 0.01}, **common),
        AgentSpec(name="large", expected_s=large_s, price={"usd_per_call": 0.1}, **common),
    )


def planned(small, large=1.0, *, check="$output > 0", refused=(), usd_weight=0.0, judged=False, **seconds):
    step = {"id": "a", "capability": "work", **({"check": check} if check else {})}
    objective = {"latency_weight": 1.0, "usd_weight": usd_weight}
    task = Task.model_validate({"workflow": {"steps": [step]}, "objective": objective})
    catalog = Catalog(agents=agents(**seconds))
    request = PlanRequest(task=task, catalog=catalog, cluster=CLUSTER, refused={"a": refused} if refused else {})
    costs = Accepting(small=small, large=large, judged=judged)
    flat = flatten(Workflow.model_validate(task.workflow), {})
    plan = schedule(flat, request, costs, time_limit_s=1.0)
    assert violations(plan, flat, request, costs) == []
    return plan.by_id["a"].placement


def test_nothing_follows_an_output_that_is_always_accepted():
    options = [Option(1.0, 0.01, 1.0, 1.0, 2), Option(10.0, 0.1, 1.0, 1.0, 2)]

    assert extras(options, Objective()) == [Extra(0, 0), Extra(0, 0)]


def test_the_tries_of_an_agent_and_then_the_others_follow_a_refused_output():
    small, large = Option(1.0, 0.01, accepted=0.5, again=0.2, tries=3), Option(10.0, 0.1, 1.0, 1.0, 2)

    first, _ = extras([small, large], Objective())

    attempts = 1 + 0.5 + 0.5 * 0.8
    refused = 0.5 * 0.8 * 0.8
    assert first.seconds == pytest.approx(attempts - 1 + 10 * refused)
    assert first.usd == pytest.approx(0.01 * (attempts - 1) + 0.1 * refused)


def test_the_others_follow_in_the_order_that_costs_least():
    source, objective = random.Random(7), Objective(latency_weight=1.0, usd_weight=2.0)
    for _ in range(50):
        options = [Option(source.random(), source.random(), *(source.random() for _ in range(2)), 2) for _ in range(4)]

        found = extras(options, objective)

        for at, extra in enumerate(found):
            others = [option for index, option in enumerate(options) if index != at]
            best = min(_cost(order, objective) for order in permutations(others))
            own = options[at]
            here = objective.latency_weight * extra.seconds + objective.usd_weight * extra.usd
            assert here == pytest.approx(_cost([own], objective) * (1 - 1 / own.attempts) + own.refused * best)


def _cost(order, objective):
    cost, reached = 0.0, 1.0
    for option in order:
        one = objective.latency_weight * option.seconds + objective.usd_weight * option.usd
        cost, reached = cost + reached * option.attempts * one, reached * option.refused
    return cost


def test_a_small_agent_goes_first_where_its_output_is_mostly_accepted():
    assert planned(small=0.9).agent == "small"
    assert planned(small=0.9).duration_s == pytest.approx(1 + 0.1 * 10, abs=0.01)
    assert planned(small=0.05).agent == "large"


def test_what_a_dollar_is_worth_decides_with_the_seconds():
    assert planned(small=0.3, small_s=9.0).agent == "large"
    assert planned(small=0.3, small_s=9.0, usd_weight=1000).agent == "small"


def test_a_step_without_a_check_prices_no_escalation():
    placement = planned(small=0.05, check=None)

    assert (placement.agent, placement.usd) == ("small", 0.01)
    assert placement.duration_s == pytest.approx(1.0, abs=0.01)


def test_what_people_refuse_is_priced_without_a_check():
    assert planned(small=0.05, check=None, judged=True).agent == "large"
    assert planned(small=0.9, check=None, judged=True).agent == "small"
    assert planned(small=0.9, check=None, judged=True).duration_s == pytest.approx(1 + 0.1 * 10, abs=0.01)


def test_an_agent_that_the_step_has_refused_is_not_asked_again():
    placement = planned(small=0.9, refused=("small",))

    assert placement.agent == "large"
    assert placement.duration_s == pytest.approx(10.0, abs=0.01)
