"""One rule says whether an agent may do a step."""

import pytest

from planners.agents import AgentSpec, Catalog, Effect
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.eligibility import Eligibility, Obstacle
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.scheduling.problem.agent_candidates import Candidates
from planners.tasks import Task
from planners.workflow import Step, Workflow

AGENT = AgentSpec(
    name="a",
    capability="c",
    quality=0.7,
    resources=Resources(cpus=2),
    input_schema={"type": "object", "properties": {"x": {}}, "required": ["x"]},
)
STEP = Step(id="s", capability="c", inputs={"x": 1})
SMALL = ClusterNode(id="n", node_class="n", total=Resources(cpus=1))
LARGE = ClusterNode(id="m", node_class="m", total=Resources(cpus=4))


@pytest.mark.parametrize(
    ("rule", "step", "agent", "obstacles"),
    [
        (Eligibility(), {}, {}, []),
        (Eligibility(), {"capability": "d"}, {}, [Obstacle.CAPABILITY]),
        (Eligibility(), {"agent": "a"}, {}, []),
        (Eligibility(), {"agent": "b"}, {}, [Obstacle.PINNED]),
        (Eligibility(min_quality=0.7), {}, {}, []),
        (Eligibility(min_quality=0.8), {}, {}, [Obstacle.QUALITY]),
        (Eligibility(min_quality=0.1), {"min_quality": 0.8}, {}, [Obstacle.QUALITY]),
        (Eligibility(), {"inputs": {}}, {}, [Obstacle.INPUTS]),
        (Eligibility(), {"inputs": {"x": 1, "y": 2}}, {}, [Obstacle.INPUTS]),
        (Eligibility(excluded=("a",)), {}, {}, [Obstacle.EXCLUDED]),
        (Eligibility(speculative=True), {}, {}, []),
        (Eligibility(speculative=True), {}, {"effect": Effect.IRREVERSIBLE}, [Obstacle.EFFECT]),
        (Eligibility(speculative=True), {}, {"discloses": True}, [Obstacle.EFFECT]),
        (Eligibility(nodes=(SMALL, LARGE)), {}, {}, []),
        (Eligibility(nodes=(SMALL,)), {}, {}, [Obstacle.RESOURCES]),
        (Eligibility(nodes=()), {}, {}, [Obstacle.RESOURCES]),
    ],
)
def test_each_obstacle_is_named(rule, step, agent, obstacles):
    found = list(rule.obstacles(AGENT.model_copy(update=agent), Step.model_validate(STEP.model_dump() | step)))

    assert found == obstacles


def test_the_eligible_agents_come_in_catalog_order():
    worse = AGENT.model_copy(update={"name": "b", "quality": 0.2})
    other = AGENT.model_copy(update={"name": "d"})

    assert Eligibility(min_quality=0.5).agents(STEP, Catalog(agents=(other, worse, AGENT))) == [other, AGENT]


def test_only_agents_that_take_messages_do_steps_with_a_mailbox():
    known = {"capability": "x", "kind": "async", "resources": Resources()}
    agents = [
        AgentSpec(name="talks", **known),
        AgentSpec(name="alone", **known | {"resources": Resources(cpus=1)}),
        AgentSpec(name="acts", **known, effect="irreversible"),
        AgentSpec(name="sync", **known | {"kind": "sync"}),
    ]
    plain = Step(id="a", capability="x")
    talking = Step(id="b", capability="x", mailbox={"publishes": ["news"]})
    request = PlanRequest(
        task=Task(workflow=Workflow(steps=(plain, talking))),
        catalog=Catalog(agents=tuple(agents)),
        cluster=ClusterSnapshot(nodes=()),
    )
    candidates = Candidates(request)

    assert [agent.name for agent in candidates.of(talking)] == ["talks"]
    assert len(candidates.of(plain)) == 4
    assert candidates.key(plain) != candidates.key(talking)
