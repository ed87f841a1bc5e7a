"""Workflows whose list schedule is provably optimal are planned without a solver; all others are left to it."""

import pytest

from planners.agents import AgentKind, AgentSpec, Catalog
from planners.bindings import StepRef, Value
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import PriorCosts
from planners.expansion import flatten
from planners.facts import Facts
from planners.optimal.certified import CertifiedPlans
from planners.plans import PlanKind
from planners.proposals import Proposal
from planners.requests import InFlight, PlanRequest
from planners.resources import Resources
from planners.scheduling.cp_sat.solver import schedule
from planners.tasks import Limits, Mode, PlanningOptions, Task
from planners.workflow import Goal, Step, Workflow

CATALOG = Catalog(
    agents=tuple(
        AgentSpec(name=name, capability=capability, quality=0.5, expected_s=seconds, resources=Resources(cpus=1))
        for name, capability, seconds in (("worker", "work", 1.0), ("lifter", "lift", 2.0), ("hauler", "haul", 3.0))
    )
)
CLUSTER = ClusterSnapshot(nodes=(ClusterNode(id="n1", node_class="cpu", total=Resources(cpus=3)),))
GOAL = Task(goal="anything")
PROPOSED_GOAL = Facts(proposals={"s0": Proposal(steps=(Goal(id="goal", goal="anything"),))})


def chain(count):
    read = {"x": Value(value=1)}
    steps = []
    for number in range(count):
        steps.append(Step(id=f"s{number}", capability="work", inputs=read))
        read = {"x": StepRef(step=f"s{number}")}
    return steps


def fan(count):
    return [Step(id=f"s{number}", capability="work", inputs={"x": Value(value=number)}) for number in range(count)]


def uneven():
    """Steps that fill no round of three cores."""
    return [Step(id=f"s{n}", capability=name) for n, name in enumerate(("haul", "haul", "lift", "lift", "lift"))]


def asked(steps, *, limits=None, mode=Mode.FORERUN, **more):
    task = Task(workflow=Workflow(steps=tuple(steps)), limits=limits or Limits(), planning=PlanningOptions(mode=mode))
    return PlanRequest(task=task, catalog=CATALOG, cluster=CLUSTER, **more)


def certified(request, **how):
    return CertifiedPlans(PriorCosts, **how).plan(request)


@pytest.mark.parametrize("steps", [chain(1), chain(12), fan(3), fan(8)], ids=["one step", "chain", "fan", "rounds"])
def test_the_plan_is_complete_and_no_solver_finds_a_better_one(steps):
    request = asked(steps)

    plan = certified(request)
    solved = schedule(flatten(request.task.plannable, {}), request, PriorCosts(), time_limit_s=1.0)

    assert (plan.kind, plan.complete, plan.gap) == (PlanKind.OPTIMAL, True, 0.0)
    assert plan.objective == pytest.approx(solved.objective)
    assert plan.bound <= plan.objective
    assert [planned.id for planned in plan.steps] == [step.id for step in steps]
    assert plan.outputs == solved.outputs


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(asked(uneven()), id="the steps do not fill whole rounds"),
        pytest.param(asked(chain(3), limits=Limits(deadline_s=1e-3)), id="no plan meets the deadline"),
        pytest.param(asked([Step(id="s", capability="unknown")]), id="there is no agent"),
        pytest.param(asked(chain(2), mode=Mode.LIST_SCHEDULE), id="another mode"),
        pytest.param(
            asked(chain(1), in_flight=(InFlight(work_key="k", agent="worker", node="n1"),)), id="attempts in flight"
        ),
        pytest.param(PlanRequest(task=GOAL, catalog=CATALOG, cluster=CLUSTER), id="a goal"),
        pytest.param(asked([*chain(1), Goal(id="rest", goal="anything")]), id="a goal beside a step"),
        pytest.param(asked(chain(1), facts=PROPOSED_GOAL), id="a goal that a step has proposed"),
    ],
)
def test_what_needs_a_search_or_has_no_plan_is_left_to_the_optimal_planner(request_):
    assert certified(request_) is None


def test_large_workflows_are_not_tried():
    assert certified(asked(chain(10)), most_steps=9) is None
    assert certified(asked([Step(id="s", capability="work")]), most_steps=0) is None


def test_large_workflows_of_agents_that_start_at_once_are_planned_too_unless_none_is_to_be():
    lazy = AgentSpec(name="worker", capability="work", quality=0.5, expected_s=1.0, kind=AgentKind.ASYNC)
    catalog = Catalog(agents=(lazy.model_copy(update={"resources": Resources()}),))
    request = asked(fan(30)).model_copy(update={"catalog": catalog})

    assert certified(request, most_steps=20) is not None
    assert certified(request, most_steps=0) is None


def test_only_small_workflows_that_are_not_unrolled_are_quick():
    plans = CertifiedPlans(PriorCosts)

    assert plans.is_quick(asked(chain(5)))
    assert not plans.is_quick(asked(chain(50)))
    assert plans.plan(asked(chain(50))) is not None
