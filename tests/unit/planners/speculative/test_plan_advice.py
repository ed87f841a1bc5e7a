"""What people learn of a plan before it runs: the chances of routes, and cheaper agents where there is slack."""

from planners.agents import AgentSpec, Catalog, Price
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import PriorCosts
from planners.expansion import flatten
from planners.graph import PlanGraph
from planners.plans import PlanKind
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.scheduling.list_scheduling.list_schedule import list_schedule
from planners.speculative.planner import SpeculativePlannerPipeline
from planners.tasks import Task

NODES = ClusterSnapshot(nodes=(ClusterNode(id="n1", node_class="cpu", total=Resources(cpus=8)),))


def agent(name, capability, seconds, usd=0.0, quality=1.0, **more):
    price = Price(usd_per_call=usd)
    return AgentSpec(name=name, capability=capability, expected_s=seconds, price=price, quality=quality, **more)


CATALOG = Catalog(
    agents=(
        agent("sorter", "sort", 1.0),
        agent("big", "write", 1.0, usd=0.5),
        agent("small", "write", 3.0, usd=0.1),
        agent("poor", "write", 2.0, usd=0.01, quality=0.2),
        agent("slow", "wait for", 10.0),
    )
)
ROUTED = [
    {"id": "sort", "capability": "sort"},
    {
        "id": "way",
        "route": [{"when": "$steps.sort == 1", "steps": [{"id": "yes", "capability": "write"}]}],
        "else": [{"id": "no", "capability": "write"}],
    },
]


def request(steps, inputs=None, known=None, **objective):
    task = Task.model_validate({"workflow": {"steps": steps}, "inputs": inputs or {}, "objective": objective})
    return PlanRequest(task=task, catalog=CATALOG, cluster=NODES, known=known or {})


def planned(asked):
    flat = flatten(asked.task.workflow, asked.task.values, asked.known, asked.facts)
    plan = list_schedule(flat, asked, PriorCosts())
    return plan.model_copy(update={"kind": PlanKind.OPTIMAL})


def advice(asked, planner=None):
    return (planner or SpeculativePlannerPipeline(PriorCosts)).advice(asked, planned(asked))


def chances(found):
    return [(one.known_from, [round(branch.probability, 2) for branch in one.branches]) for one in found.routes]


def test_a_route_that_was_never_seen_has_equal_shares_and_says_so():
    (route,) = advice(request(ROUTED)).routes

    assert str(route) == "50% $steps.sort == 1, 50% else (unknown, so equal shares)"
    assert [branch.steps for branch in route.branches] == [("yes",), ("no",)]


def test_the_chances_of_a_route_are_learned():
    planner = SpeculativePlannerPipeline(PriorCosts)
    for answer in (1, 1, 1, 1, 0):
        seen = request(ROUTED, known={"sort": answer})
        planner.cache.remember(seen.task, planned(seen))

    ((known_from, (yes, no)),) = chances(advice(request(ROUTED), planner))

    assert known_from == "learned"
    assert yes > 0.6
    assert round(yes + no, 2) == 1.0


def test_a_route_that_its_inputs_decide_is_certain():
    steps = [{**ROUTED[1], "route": [{**ROUTED[1]["route"][0], "when": "$inputs.n == 1"}]}]
    without = [{key: value for key, value in steps[0].items() if key != "else"}]

    assert chances(advice(request(steps, {"n": 1}))) == [("inputs", [1.0, 0.0])]
    assert chances(advice(request(steps, {"n": 2}))) == [("inputs", [0.0, 1.0])]
    assert chances(advice(request(without, {"n": 2}))) == [("inputs", [0.0, 1.0])]


def test_a_cheaper_agent_is_named_where_the_plan_ends_no_later():
    beside = [{"id": "quick", "capability": "write"}, {"id": "long", "capability": "wait for"}]

    (swap,) = advice(request(beside, min_quality=0.5)).cheaper

    assert (swap.step, swap.agent, swap.instead, round(swap.saves_usd, 3)) == ("quick", "big", "small", 0.4)
    assert str(swap) == "'quick' has slack: 'small' instead of 'big' saves $0.40"


def test_no_cheaper_agent_is_named_on_the_critical_path():
    assert advice(request([{"id": "only", "capability": "write"}])).cheaper == ()


def test_slack_is_given_away_once():
    steps = [
        {"id": "first", "capability": "write"},
        {"id": "second", "capability": "write", "after": ["first"]},
        {"id": "long", "capability": "wait for"},
    ]
    others = [one for one in CATALOG.agents if one.name != "slow"]
    shorter = Catalog(agents=(*others, agent("slow", "wait for", 5.0)))
    asked = request(steps, min_quality=0.5).model_copy(update={"catalog": shorter})

    assert len(advice(asked).cheaper) == 1


def test_drawings_show_what_is_known_of_a_route():
    asked = request(ROUTED)
    graph = PlanGraph(planned(asked), {one.route: str(one) for one in advice(asked).routes})

    (pending,) = [node for node in graph.as_node_link()["nodes"] if node.get("pending")]
    assert pending["told"].startswith("50% $steps.sort == 1")
    assert {"source": "sort", "target": "way"} in graph.as_node_link()["edges"]
    assert '"sort" -> "way" [style=dashed];' in graph.as_dot()
    assert "s0 -.-> p0" in graph.as_mermaid()
    assert "50% else" in graph.as_mermaid()
