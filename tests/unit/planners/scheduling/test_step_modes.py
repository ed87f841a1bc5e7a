"""Modes of steps and plans are made without validation, from arrays: they are what one object each would be."""

import pytest

from planners.agents import AgentSpec, Catalog, Price
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import Acceptance, PriorCosts, accepts_all, mean_durations_s
from planners.plans import Plan
from planners.requests import InFlight, PlanRequest
from planners.resources import Resources
from planners.scheduling.list_scheduling.list_schedule import list_schedule
from planners.scheduling.problem.build import build_problem
from planners.scheduling.problem.disaggregation import disaggregated
from planners.tasks import Task
from planners.work_keys import InputDigests, work_keys
from planners.workflow import FlatWorkflow, Step, Workflow

AGENTS = (
    AgentSpec(name="slow", capability="a", price=Price(usd_per_s=0.01), resources=Resources(cpus=1)),
    AgentSpec(name="quick", capability="a", price=Price(usd_per_call=0.3), resources=Resources(cpus=2)),
    AgentSpec(name="other", capability="b", resources=Resources(cpus=1)),
)
NODES = tuple(
    ClusterNode(id=f"n{i}", node_class=f"k{i % 2}", total=Resources(cpus=2), speed=1 + i % 2) for i in range(4)
)


class BySize(PriorCosts):
    """Steps take as long as their input says."""

    def duration(self, agent, step):
        return super().duration(agent, step)._replace(mean_s=step.inputs["n"].value / (1 + (agent.name == "quick")))


class InBulk(BySize):
    def mean_durations_s(self, agents, steps):
        return mean_durations_s(BySize(), agents, steps)

    def accepts_all(self, _agents, _steps):
        return False


def question(count=12):
    steps = tuple(
        Step(
            id=f"s{i}", capability="b" if i % 4 == 3 else "a", inputs={"n": 1 + i % 5}, after=[f"s{i - 1}"] if i else ()
        )
        for i in range(count)
    )
    task = Task(workflow=Workflow(steps=steps))
    request = PlanRequest(task=task, catalog=Catalog(agents=AGENTS), cluster=ClusterSnapshot(nodes=NODES))
    return FlatWorkflow(steps=steps), request, BySize()


def running(step="s2", agent="slow", node="n2", **rest):
    """An attempt in flight of a step without data parents."""
    flat, _, _ = question()
    keys = work_keys([(one, f"{agent}@1") for one in flat.steps], InputDigests({}))
    return InFlight(work_key=keys[step], agent=agent, node=node, **rest)


def problem_with(*in_flight, without=()):
    flat, request, costs = question()
    asked = request.model_copy(update={"in_flight": in_flight, "without_agents": without})
    return build_problem(flat, asked, costs)


WITH_AND_WITHOUT_ATTEMPTS = pytest.mark.parametrize(
    "problem",
    [
        problem_with(),
        problem_with(running(elapsed_s=1.0), running("s4", "quick", finished=True)),
        problem_with(*(running(f"s{i}") for i in range(12) if i % 4 < 3), without=("slow", "quick")),
    ],
    ids=["new", "some in flight", "only in flight"],
)


@WITH_AND_WITHOUT_ATTEMPTS
def test_modes_made_when_asked_for_are_those_of_the_arrays(problem):
    modes = problem.modes

    assert [len(row) for row in modes] == modes.counts().tolist()
    for rows in modes.classes:
        for step, row in zip(rows.steps.tolist(), rows.row.tolist(), strict=True):
            new = [mode for mode in modes[step] if not mode.in_flight]
            assert [mode.duration for mode in new] == rows.duration[row].tolist()
            assert [mode.usd for mode in new] == rows.usd[row].tolist()
            assert list(modes[step][len(new) :]) == list(modes.in_flight.get(step, ()))
    assert modes[:2] == [modes[0], modes[1]]
    assert problem.has_in_flight == any(mode.in_flight for row in modes for mode in row)
    assert problem.min_durations == [min(mode.duration for mode in row) for row in modes]
    assert list(problem.min_usd) == [min(mode.usd for mode in row) for row in modes]
    new_usd = [min(mode.usd for mode in row if not mode.in_flight or row[0].in_flight) for row in modes]
    assert problem.new_attempt_usd[0].tolist() == new_usd
    most = [max(mode.usd for mode in row) - least for row, least in zip(modes, new_usd, strict=True)]
    assert problem.new_attempt_usd[1].tolist() == most


def test_like_steps_share_their_modes():
    modes = problem_with().modes

    assert modes[0] is modes[5]


@WITH_AND_WITHOUT_ATTEMPTS
@pytest.mark.parametrize("last", [True, False])
def test_what_a_choice_of_modes_costs_is_that_of_the_modes(problem, last):
    chosen = [len(row) - 1 if last else 0 for row in problem.modes]
    modes = [row[index] for row, index in zip(problem.modes, chosen, strict=True)]

    assert problem.agents(chosen) == [mode.agent for mode in modes]
    assert problem.usd(chosen) == [mode.usd for mode in modes]


@WITH_AND_WITHOUT_ATTEMPTS
def test_the_modes_of_single_nodes_are_those_of_their_groups(problem):
    single = disaggregated(problem)

    for modes, copies in zip(problem.modes, single.modes, strict=True):
        expected = [
            (m.agent.name, node, m.duration, m.usd, m.in_flight) for m in modes for node in nodes_of(problem, m)
        ]
        assert [(m.agent.name, m.group, m.duration, m.usd, m.in_flight) for m in copies] == expected
    assert single.min_durations == problem.min_durations


def nodes_of(problem, mode):
    return problem.groups[mode.group].nodes


def test_a_plan_is_what_its_validated_document_says():
    plan = list_schedule(*question())

    again = Plan.model_validate_json(plan.model_dump_json())

    assert again == plan
    assert again.model_dump_json() == plan.model_dump_json()
    assert plan.steps[0].model_fields_set == {"step", "placement", "work_key"}


def test_costs_of_many_steps_are_asked_for_at_once_where_the_model_can():
    flat, _, costs = question(16)

    assert (mean_durations_s(InBulk(), AGENTS, flat.steps) == mean_durations_s(costs, AGENTS, flat.steps)).all()
    assert accepts_all(costs, AGENTS, flat.steps)
    assert not accepts_all(InBulk(), AGENTS, flat.steps)


def test_a_mean_that_is_no_duration_counts_as_the_declared_one():
    flat, _, _ = question(16)

    class Wrong(InBulk):
        def mean_durations_s(self, agents, steps):
            means = mean_durations_s(BySize(), agents, steps)
            means[3] = float("nan")
            return means

    assert mean_durations_s(Wrong(), AGENTS, flat.steps)[3].tolist() == [agent.expected_s for agent in AGENTS]


def test_outputs_that_may_be_refused_are_not_all_accepted():
    class Doubting(PriorCosts):
        def acceptance(self, agent, step):
            return Acceptance(0.5, 0.5)

    assert not accepts_all(Doubting(), AGENTS, question()[0].steps)
