"""Modes of steps and plans are made without validation, from arrays: they are what one object each would be."""

from planners.agents import AgentSpec, Catalog, Price
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import Acceptance, PriorCosts, accepts_all, mean_durations_s
from planners.plans import Plan
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.scheduling.list_scheduling.list_schedule import list_schedule
from planners.scheduling.problem.build import build_problem
from planners.scheduling.problem.step_modes import StepModes, rows_of
from planners.tasks import Task
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


def test_modes_made_when_asked_for_are_those_of_the_arrays():
    problem = build_problem(*question())
    modes = problem.modes

    assert isinstance(modes, StepModes)
    assert [len(row) for row in modes] == modes.counts().tolist()
    for members, rows in zip(problem.step_classes, modes.classes, strict=True):
        again = rows_of(tuple(modes), members)
        assert again.modes == rows.modes
        assert (again.duration[again.row] == rows.duration[rows.row]).all()
        assert (again.usd[again.row] == rows.usd[rows.row]).all()
    assert modes[0] is modes[5]  # like steps share them
    assert modes[:2] == [modes[0], modes[1]]
    assert problem.min_durations == [min(mode.duration for mode in row) for row in modes]
    assert list(problem.min_usd) == [min(mode.usd for mode in row) for row in modes]


def test_what_a_choice_of_modes_costs_is_that_of_the_modes():
    problem = build_problem(*question())
    chosen = [len(row) - 1 for row in problem.modes]

    assert problem.agents(chosen) == [row[-1].agent for row in problem.modes]
    assert problem.usd(chosen) == [row[-1].usd for row in problem.modes]


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
