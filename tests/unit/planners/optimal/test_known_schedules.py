"""A workflow that comes again with other values gets the plan that it would get if it were scheduled anew."""

import pytest

from planners.agents import AgentSpec, Catalog, Price
from planners.bindings import StepRef, Value
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import Estimate, PriorCosts
from planners.model import AgentName
from planners.optimal import certified as module
from planners.optimal.certified import CertifiedPlans
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.tasks import Limits, Objective, Task
from planners.workflow import Step, Workflow

CATALOG = Catalog(
    agents=tuple(
        AgentSpec(name=AgentName(name), capability="work", quality=quality, expected_s=seconds)
        for name, quality, seconds in (("quick", 0.5, 1.0), ("good", 0.9, 1.0))
    )
)
NODES = tuple(ClusterNode(id=f"n{number}", node_class="cpu", total=Resources(cpus=2)) for number in (1, 2))
CLUSTER = ClusterSnapshot(nodes=NODES)


def chain(first, **more):
    read = {"x": Value(value=first)}
    steps = []
    for number in range(4):
        steps.append(Step(id=f"s{number}", capability="work", inputs=read, **more))
        read = {"x": StepRef(step=f"s{number}")}
    return Workflow(steps=tuple(steps))


def asked(workflow, cluster=CLUSTER, catalog=CATALOG, **more):
    return PlanRequest(task=Task(workflow=workflow, **more), catalog=catalog, cluster=cluster)


@pytest.fixture
def scheduled(monkeypatch):
    """How many workflows were scheduled."""
    count = []
    schedule = module.heft
    monkeypatch.setattr(module, "heft", lambda problem: count.append(1) or schedule(problem))
    return count


def timeless(plan):
    return plan.model_copy(update={"planning_s": 0.0})


def anew(request, costs=PriorCosts):
    return timeless(CertifiedPlans(costs).plan(request))


def test_other_values_need_no_other_schedule(scheduled):
    plans = CertifiedPlans(PriorCosts)

    made = [timeless(plans.plan(asked(chain(value)))) for value in (1, 2, "three")]

    assert len(scheduled) == 1
    assert made == [anew(asked(chain(value))) for value in (1, 2, "three")]
    assert len({plan.steps[0].work_key for plan in made}) == 3


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(asked(chain(1, agent="quick")), id="pinned steps"),
        pytest.param(asked(chain(1), objective=Objective(min_quality=0.8)), id="a floor of quality"),
        pytest.param(asked(chain(1), objective=Objective(usd_weight=2.0)), id="an objective"),
        pytest.param(asked(chain(1), limits=Limits(deadline_s=100.0)), id="a deadline"),
        pytest.param(asked(chain(1), CLUSTER.model_copy(update={"nodes": NODES[:1]})), id="a node less"),
        pytest.param(
            asked(chain(1), CLUSTER.model_copy(update={"warm": frozenset({("good", "n2")})})), id="warm agents"
        ),
        pytest.param(asked(chain(1), catalog=Catalog(agents=CATALOG.agents[:1])), id="an agent less"),
        pytest.param(asked(Workflow(steps=chain(1).steps[:3])), id="a step less"),
    ],
)
def test_what_a_schedule_depends_on_needs_another_one(scheduled, other):
    plans = CertifiedPlans(PriorCosts)
    plans.plan(asked(chain(1)))

    plan = plans.plan(other)

    assert len(scheduled) == 2
    assert timeless(plan) == anew(other)


class ByValue(PriorCosts):
    """Costs that depend on what a step reads."""

    def duration(self, agent, step):
        value = step.inputs["x"]
        seconds = float(value.value) if isinstance(value, Value) else 1.0
        return Estimate(seconds, seconds, seconds)


def test_values_that_durations_depend_on_need_another_one(scheduled):
    costs = ByValue()
    plans = CertifiedPlans(lambda: costs)

    made = [timeless(plans.plan(asked(chain(value)))) for value in (1.0, 5.0, 1.0)]

    assert len(scheduled) == 2
    assert made[1] == anew(asked(chain(5.0)), lambda: costs)
    assert [plan.makespan_s for plan in made] == pytest.approx([4.0, 8.0, 4.0])


def test_durations_of_as_many_quanta_need_no_other_one(scheduled):
    costs = ByValue()
    plans = CertifiedPlans(lambda: costs)

    made = [timeless(plans.plan(asked(chain(value)))) for value in (1.00001, 1.0009)]

    assert len(scheduled) == 1
    assert made[1] == anew(asked(chain(1.0009)), lambda: costs)


def test_seconds_that_cost_money_count(scheduled):
    costs = ByValue()
    plans = CertifiedPlans(lambda: costs)
    dear = Catalog(agents=tuple(agent.model_copy(update={"price": Price(usd_per_s=0.1)}) for agent in CATALOG.agents))

    made = [timeless(plans.plan(asked(chain(value), catalog=dear))) for value in (1.00001, 1.0009)]

    assert len(scheduled) == 2
    assert made[1] == anew(asked(chain(1.0009), catalog=dear), lambda: costs)


def test_what_was_learned_since_needs_another_one(scheduled):
    learned = [ByValue(), ByValue()]
    plans = CertifiedPlans(lambda: learned[0])
    plans.plan(asked(chain(1.0)))
    del learned[0]
    plans.plan(asked(chain(1.0)))

    assert len(scheduled) == 2


def test_a_bounded_number_is_kept(scheduled):
    plans = CertifiedPlans(PriorCosts)
    for length in (*range(1, 100), 99):
        plans.plan(asked(Workflow(steps=(Step(id=f"s{length}", capability="work"),))))

    assert len(scheduled) == 99
    assert len(plans._known._surroundings.known) == 64
