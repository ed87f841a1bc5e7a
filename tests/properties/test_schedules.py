"""Laws of scheduling over random workflows, clusters, limits and work in flight, checked by independent validation."""

from itertools import combinations

from brute_force import least_value
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from planners.agents import AgentSpec, Catalog, Price, Provider
from planners.cluster import ClusterNode, ClusterSnapshot, Link, Reservation
from planners.costs import PriorCosts
from planners.errors import Infeasible
from planners.plans import Plan
from planners.requests import InFlight, PlanRequest
from planners.resources import Resources
from planners.scheduling.cp_sat.solver import schedule
from planners.scheduling.list_scheduling.list_schedule import best_list_schedule, list_schedule
from planners.scheduling.problem.build import build_problem
from planners.scheduling.validate import violations
from planners.tasks import Limits, Objective, Task
from planners.workflow import FlatWorkflow, Step, Workflow

COSTS = PriorCosts()
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
SOLVED = settings(QUICK, max_examples=40)
SECONDS = st.integers(1, 40).map(lambda tenths: tenths / 10)
Question = tuple[FlatWorkflow, PlanRequest]


@st.composite
def catalogs(draw) -> Catalog:
    """Two capabilities, one to three agents each, some with a provider that has limits of every kind."""
    provider = Provider(
        name="p",
        max_concurrent=draw(st.none() | st.integers(1, 3)),
        requests_per_s=draw(st.none() | st.sampled_from([0.4, 1.0, 1.5, 3.0])),
        tokens_per_s=draw(st.none() | st.sampled_from([50.0, 120.0])),
    )
    agents = [
        AgentSpec(
            name=f"{capability}{i}",
            capability=capability,
            resources=Resources(cpus=draw(st.sampled_from([0.5, 1, 2])), memory_bytes=draw(st.sampled_from([0, 3, 5]))),
            provider=draw(st.sampled_from([None, "p"])),
            price=Price(usd_per_call=draw(st.integers(0, 5)) / 10, usd_per_s=draw(st.sampled_from([0, 0.05]))),
            tokens_per_call=draw(st.sampled_from([0, 40, 100])),
            quality=draw(st.sampled_from([0.5, 0.7, 0.9])),
            concurrency=draw(st.sampled_from([None, None, 1, 2])),
            expected_s=draw(SECONDS),
            cold_start_s=draw(st.sampled_from([0, 0.5])),
            output_bytes=draw(st.sampled_from([10, 300_000_000])),
        )
        for capability in "ab"
        for i in range(draw(st.integers(1, 3)))
    ]
    return Catalog(agents=tuple(agents), providers=(provider,))


@st.composite
def clusters(draw, catalog: Catalog) -> ClusterSnapshot:
    """One big node that can run everything, and up to two small ones."""
    small = Resources(cpus=draw(st.sampled_from([1, 2])), memory_bytes=draw(st.sampled_from([4, 8])))
    speed = draw(st.sampled_from([0.5, 1.0, 2.0]))
    count = draw(st.integers(0, 2))
    nodes = [ClusterNode(id="big0", node_class="big", total=Resources(cpus=3, memory_bytes=8))]
    nodes += [ClusterNode(id=f"small{i}", node_class="small", total=small, speed=speed) for i in range(count)]
    ids = [node.id for node in nodes]
    spans = st.tuples(st.sampled_from(ids), SECONDS, SECONDS, st.sampled_from([1.0, 2.5]))
    held = [
        Reservation(node=node, start_s=start, end_s=start + length, resources=Resources(cpus=cpus, memory_bytes=1))
        for node, start, length, cpus in draw(st.lists(spans, max_size=2))
    ]
    if draw(st.booleans()):
        held.append(Reservation(provider="p", calls=draw(st.integers(1, 4)), start_s=0.5, end_s=2.0))
    pairs = st.tuples(st.sampled_from([agent.name for agent in catalog.agents]), st.sampled_from(ids))
    warm = draw(st.frozensets(pairs, max_size=3))
    return ClusterSnapshot(nodes=tuple(nodes), reservations=tuple(held), warm=warm, links=draw(links(ids)))


@st.composite
def links(draw, nodes: list[str]) -> tuple[Link, ...]:
    """Measured links between some of the nodes, slower and faster than the default of a third of a second."""
    bandwidths = st.sampled_from([None, 1e8, 1e9, 1e10])
    measured = {pair: draw(bandwidths) for pair in combinations(nodes, 2)} if draw(st.booleans()) else {}
    return tuple(
        Link(nodes=pair, bandwidth_bytes_per_s=bandwidth)
        for pair, bandwidth in measured.items()
        if bandwidth is not None
    )


@st.composite
def questions(draw, max_steps: int = 9, *, in_flight: bool = True, limited: bool = True) -> Question:
    """A workflow, a catalog, a cluster, limits that are sometimes tight, and work in flight."""
    catalog = draw(catalogs())
    steps = []
    for i in range(draw(st.integers(1, max_steps))):
        parents = draw(st.lists(st.integers(0, i - 1), max_size=2, unique=True)) if i else []
        reads = {f"x{p}": f"$steps.s{p}" for p in parents}
        steps.append(Step(id=f"s{i}", capability=draw(st.sampled_from("ab")), inputs=reads))
    objective = Objective(latency_weight=draw(st.sampled_from([0, 1, 1, 1])), usd_weight=draw(st.sampled_from([1, 5])))
    if draw(st.booleans()):
        objective = Objective()
    task = Task(workflow=Workflow(steps=tuple(steps)), objective=objective)
    request = PlanRequest(task=task, catalog=catalog, cluster=draw(clusters(catalog)))
    flat = FlatWorkflow(steps=tuple(steps))
    if limited:
        request = request.model_copy(update={"task": task.model_copy(update={"limits": draw(limits(flat, request))})})
    if in_flight and draw(st.booleans()):
        request = request.model_copy(update={"in_flight": draw(flights(list_schedule(flat, request, COSTS)))})
    return flat, request


@st.composite
def limits(draw, flat: FlatWorkflow, request: PlanRequest) -> Limits:
    """A budget between the cheapest plan and the fastest, and sometimes a deadline some time after a known plan."""
    plan = list_schedule(flat, request, COSTS)
    cheapest = sum(build_problem(flat, request, COSTS).min_usd)
    budget = cheapest + draw(st.sampled_from([0.0, 0.3, 1.0])) * max(0.0, plan.usd - cheapest)
    return Limits(
        budget_usd=budget if draw(st.booleans()) else None,
        deadline_s=plan.makespan_s * 1.5 if draw(st.booleans()) else None,
    )


@st.composite
def flights(draw, plan: Plan) -> tuple[InFlight, ...]:
    """Some of a plan's steps as attempts in flight whose data parents have finished."""
    finished: set[str] = set()
    found = []
    for planned in plan.steps:
        if all(parent in finished for parent in planned.step.data_parents) and draw(st.booleans()):
            done = draw(st.booleans())
            finished |= {planned.id} if done else set()
            elapsed = draw(st.sampled_from([0.0, 0.5, 5.0]))
            where = planned.placement
            found.append(
                InFlight(
                    work_key=planned.work_key, agent=where.agent, node=where.node, elapsed_s=elapsed, finished=done
                )
            )
    return tuple(found)


@QUICK
@given(questions(max_steps=14))
def test_list_schedules_are_feasible_except_for_the_deadline(question: Question):
    flat, request = question
    for plan in (list_schedule(flat, request, COSTS), best_list_schedule(flat, request, COSTS)):
        wrong = [one for one in violations(plan, flat, request, COSTS) if "deadline" not in one]
        assert not wrong


@SOLVED
@given(questions(max_steps=6, in_flight=False, limited=False), st.data())
def test_list_schedules_keep_to_the_cost_of_the_cheapest_plan_whatever_has_finished(question: Question, data):
    flat, request = question
    dear = request.model_copy(update={"task": request.task.model_copy(update={"objective": Objective(usd_weight=9)})})
    found = [flight for asked in (request, dear) for flight in data.draw(flights(list_schedule(flat, asked, COSTS)))]
    finished = {flight.work_key: flight.model_copy(update={"finished": True}) for flight in found}
    request = request.model_copy(update={"in_flight": tuple(finished.values())})
    only_usd = request.task.model_copy(update={"objective": Objective(latency_weight=0, usd_weight=1)})
    cheapest = schedule(flat, request.model_copy(update={"task": only_usd}), COSTS, time_limit_s=5)
    assume(cheapest.gap == 0)
    tight = request.task.model_copy(update={"limits": Limits(budget_usd=cheapest.usd * (1 + 1e-9))})
    request = request.model_copy(update={"task": tight})

    assert not violations(list_schedule(flat, request, COSTS), flat, request, COSTS)


@SOLVED
@given(questions())
def test_optimal_plans_are_feasible_and_never_worse_than_list_schedules(question: Question):
    flat, request = question
    given_plans = [list_schedule(flat, request, COSTS), best_list_schedule(flat, request, COSTS)]
    try:
        plan = schedule(flat, request, COSTS, time_limit_s=5, hint=given_plans[0])
    except Infeasible:
        assert request.task.limits.deadline_s is not None
        assert all(violations(known, flat, request, COSTS) for known in given_plans)
        return
    assert not violations(plan, flat, request, COSTS)
    for known in given_plans:
        if not violations(known, flat, request, COSTS):
            assert plan.objective <= known.objective * (1 + 1e-9)
    assert plan.bound <= plan.objective
    assert 0 <= plan.gap <= 1


@settings(SOLVED, max_examples=50)
@given(questions(max_steps=5))
def test_optimal_plans_of_few_steps_equal_brute_force(question: Question):
    flat, request = question
    least = least_value(build_problem(flat, request, COSTS))
    try:
        plan = schedule(flat, request, COSTS, time_limit_s=10)
    except Infeasible:
        assert least is None
        return
    assert plan.gap <= 1e-3, "proven but for the rounding of dollars"
    assert abs(plan.objective - least) <= 1e-5 * max(1.0, least)


@settings(SOLVED, max_examples=20)
@given(questions(max_steps=7))
def test_equal_requests_get_byte_identical_plans(question: Question):
    flat, request = question
    try:
        plans = [schedule(flat, request, COSTS, time_limit_s=20).model_dump_json() for _ in range(2)]
    except Infeasible:
        assume(False)
    assert plans[0] == plans[1]


@settings(SOLVED, max_examples=20)
@given(questions(in_flight=False, limited=False), st.randoms())
def test_names_of_equal_nodes_do_not_change_the_objective(question: Question, random):
    flat, request = question
    nodes = list(request.cluster.nodes)
    random.shuffle(nodes)
    other = request.model_copy(update={"cluster": request.cluster.model_copy(update={"nodes": tuple(nodes)})})
    ours, theirs = (schedule(flat, asked, COSTS, time_limit_s=1) for asked in (request, other))
    event(f"{len(nodes)} nodes")
    if ours.gap == theirs.gap == 0:
        assert abs(ours.objective - theirs.objective) <= 1e-6 * max(1.0, ours.objective)
