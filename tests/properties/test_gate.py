"""Laws of the gate over random plans: monotone in P, L, alpha and -C, within its caps, and respecting effects."""

from hypothesis import given
from hypothesis import strategies as st

from planners.agents import AgentSpec, Catalog, Effect, Price
from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.tasks import PlanningOptions
from planners.workflow import Step
from reconciler.gate import Appraisal, Candidate, GatePolicy, GateState, Prices, Shape, decide, price
from reconciler.gate.savings import savings

share = st.floats(0, 1)
seconds = st.floats(0, 100)
dollars = st.floats(0, 0.1)
CATALOG = Catalog(
    agents=(
        AgentSpec(name="free", capability="x"),
        AgentSpec(name="paid", capability="x", price=Price(usd_per_call=0.002, usd_per_s=0.0001)),
        AgentSpec(name="final", capability="x", effect=Effect.IRREVERSIBLE),
        AgentSpec(name="leaky", capability="x", discloses=True),
    )
)


@st.composite
def plans(draw, *, certain=False):
    """A random DAG with list-schedule start times; a child's probability is at most its parents'."""
    steps: list[PlannedStep] = []
    for index in range(draw(st.integers(0, 12))):
        parents = draw(st.sets(st.integers(0, index - 1), max_size=3)) if index else set()
        reach = min((steps[p].probability for p in parents), default=1.0)
        start = max((steps[p].placement.end_s for p in parents), default=0.0)
        steps.append(
            PlannedStep(
                step=Step(id=f"s{index}", capability="x", after=tuple(f"s{p}" for p in sorted(parents))),
                placement=Placement(
                    agent=draw(st.sampled_from(["free", "paid", "final", "leaky"])),
                    node=draw(st.sampled_from(["n1", "n2"])),
                    start_s=start,
                    duration_s=draw(st.floats(0.01, 10)),
                ),
                work_key=f"k{index}",
                probability=1.0 if certain else reach * draw(share),
            )
        )
    return Plan(kind=PlanKind.SPECULATIVE, steps=tuple(steps))


def priced(plan, now_s, expected_s):
    return price(
        plan,
        catalog=CATALOG,
        now_s=now_s,
        expected_plan_s=expected_s,
        under_way={},
        prices=Prices(),
        options=PlanningOptions(),
        policy=GatePolicy(),
    )


def dispatched(probability, saved_s, cost_usd, alpha, state):
    found = Appraisal(claimed=probability, probability=probability, saved_s=saved_s, cost_usd=cost_usd)
    candidate = Candidate(step="s", agent="a", node="n", appraisal=found)
    return decide([candidate], state, GatePolicy(), PlanningOptions(alpha=alpha))[0].dispatch


@given(
    st.tuples(share, share), st.tuples(seconds, seconds), st.tuples(dollars, dollars), st.tuples(share, share), share
)
def test_a_better_guess_is_never_refused_if_a_worse_one_is_dispatched(p, saved, cost, alpha, throttle):
    """Higher P, higher L, lower C, higher alpha: each can only turn a refusal into a dispatch."""
    for refused in (frozenset(), frozenset({"s"})):
        state = GateState(refused=refused, throttle=throttle)
        worse = dispatched(min(p), min(saved), max(cost), min(alpha), state)
        better = dispatched(max(p), max(saved), min(cost), max(alpha), state)

        assert better or not worse


@given(plans(), seconds, seconds)
def test_savings_are_within_the_wait_for_the_plan(plan, now_s, expected_s):
    """0 <= own <= L <= E - now, and only reversible work saves time."""
    for candidate in priced(plan, now_s, expected_s):
        wait_s = max(0.0, expected_s - now_s)
        assert 0 <= candidate.appraisal.own_s <= candidate.appraisal.saved_s + 1e-9
        assert candidate.appraisal.saved_s <= wait_s + 1e-6
        assert candidate.appraisal.risked_s <= wait_s + 1e-6
        assert candidate.allowed or candidate.appraisal.saved_s == 0


@given(plans(certain=True), seconds)
def test_savings_equal_those_of_a_simulated_schedule(plan, expected_s):
    """Seconds saved equal the difference of two simulated critical paths: started early, or with the plan."""
    shape = Shape.of(plan, CATALOG)
    found = savings(shape, now_s=0.0, expected_plan_s=expected_s, under_way={})
    early = _run_end(plan, expected_s, held=())
    for step, allowed, saved_s in zip(shape.steps, shape.may_start, found.saved_s, strict=True):
        if allowed:
            assert abs(saved_s - (_run_end(plan, expected_s, held={step}) - early)) < 1e-6


@given(plans(certain=True), seconds, seconds, st.lists(st.floats(0, 30), max_size=12))
def test_savings_equal_those_of_a_simulated_schedule_in_the_middle_of_a_run(plan, expected_s, now_s, ends_s):
    """The first steps are running or done, so their durations no longer delay the end."""
    shape = Shape.of(plan, CATALOG)
    under_way = {step: now_s + end_s for step, end_s in zip(shape.steps, ends_s, strict=False)}
    found = savings(shape, now_s=now_s, expected_plan_s=expected_s, under_way=under_way)
    more = {"now_s": now_s, "under_way": under_way}
    early = _run_end(plan, expected_s, held=(), **more)
    for step, allowed, saved_s in zip(shape.steps, shape.may_start, found.saved_s, strict=True):
        if allowed and step not in under_way:
            assert abs(saved_s - (_run_end(plan, expected_s, held={step}, **more) - early)) < 1e-6


@given(plans(certain=True), seconds)
def test_a_steps_own_part_is_what_it_saves_when_nothing_behind_it_survives(plan, expected_s):
    """The difference of two critical paths once more: all that needs the step waits for confirmation, with and
    without the step itself."""
    shape = Shape.of(plan, CATALOG)
    found = savings(shape, now_s=0.0, expected_plan_s=expected_s, under_way={})
    behind = [set() for _ in shape.steps]
    for index in range(len(behind) - 1, -1, -1):
        behind[index] = {shape.steps[child] for child in shape.children[index]}
        behind[index] |= {step for child in shape.children[index] for step in behind[child]}
    for index, step in enumerate(shape.steps):
        if shape.may_start[index]:
            lost = _run_end(plan, expected_s, held=behind[index] | {step})
            assert abs(found.own_s[index] - (lost - _run_end(plan, expected_s, held=behind[index]))) < 1e-6


@given(plans(certain=True), seconds)
def test_own_parts_of_a_chain_add_up_to_the_savings_of_the_chain(plan, expected_s):
    links = [
        planned.model_copy(update={"step": Step(id=planned.id, capability="x", after=(f"s{index - 1}",) * (index > 0))})
        for index, planned in enumerate(plan.steps)
    ]
    chain = plan.model_copy(update={"steps": tuple(links)})
    shape = Shape.of(chain, CATALOG)
    found = savings(shape, now_s=0.0, expected_plan_s=expected_s, under_way={})

    none = _run_end(chain, expected_s, held=set(shape.steps))
    assert abs(sum(found.own_s) - (none - _run_end(chain, expected_s, held=()))) < 1e-6


@given(plans(certain=True), seconds)
def test_parallel_steps_together_claim_what_they_save_together(plan, expected_s):
    """The sum of L over those that could start now is what the latest of them would cost the run."""
    found = priced(plan, 0.0, expected_s)
    ready = [candidate for candidate in found if not candidate.waits_for and candidate.allowed]
    early = _run_end(plan, expected_s, held=())
    most = max((_run_end(plan, expected_s, held={one.step}) - early for one in ready), default=0.0)

    assert abs(sum(candidate.appraisal.saved_s for candidate in ready) - max(0.0, most)) < 1e-6


def _run_end(plan, expected_s, held, now_s=0.0, under_way=None):
    """The end of the run if every step that may start early does, except ``held``, which wait for confirmation."""
    freed, ends = {}, dict(under_way or {})
    for planned in plan.steps:
        placement = planned.placement
        ready = [ends[parent] for parent in planned.step.parents]
        queue = freed.get((placement.node, round(placement.start_s, 6)))
        if queue:
            ready.append(ends[queue.pop()])
        may = CATALOG.by_name[placement.agent].may_speculate and planned.id not in held
        start_s = max([now_s if may else max(now_s, expected_s), *ready])
        ends.setdefault(planned.id, start_s + placement.duration_s)
        freed.setdefault((placement.node, round(placement.end_s, 6)), []).append(planned.id)
    return max([expected_s, *ends.values()])


@given(
    plans(),
    st.integers(0, 5),
    st.floats(0, 0.01),
    st.floats(0, 20),
    st.builds(GateState, attempts=st.integers(0, 3), usd=st.floats(0, 0.005), agent_s=st.floats(0, 5)),
)
def test_caps_are_never_exceeded(plan, attempts, usd, agent_s, state):
    """Dispatches of one call and work under way stay within every cap together."""
    policy = GatePolicy(max_attempts=attempts, max_usd=usd, max_agent_s=agent_s)
    bold = PlanningOptions(alpha=1.0, value_of_time_usd_per_s=10.0)
    taken = [d for d in decide(priced(plan, 0.0, 30.0), state, policy, bold) if d.dispatch]

    if taken:
        assert state.attempts + len(taken) <= attempts
        risked_usd = sum(d.appraisal.risked_usd for d in taken)
        assert state.usd + risked_usd <= usd + 1e-9 or risked_usd == 0
        assert state.agent_s + sum(d.appraisal.risked_s for d in taken) <= agent_s + 1e-9


@given(plans(certain=True))
def test_effects_that_rule_out_speculation_are_respected_and_no_child_starts_before_its_parents(plan):
    """Whatever the value of time."""
    bold = PlanningOptions(alpha=1.0, value_of_time_usd_per_s=1e6)
    taken = {d.step for d in decide(priced(plan, 0.0, 1e4), GateState(), GatePolicy(), bold) if d.dispatch}

    for planned in plan.steps:
        if planned.id in taken:
            assert CATALOG.by_name[planned.placement.agent].may_speculate
            assert set(planned.step.parents) <= taken


@given(plans(), seconds, seconds)
def test_decisions_are_deterministic(plan, now_s, expected_s):
    """Without clock, randomness or state. Decisions have the order of the candidates and round-trip through JSON."""
    found = priced(plan, now_s, expected_s)
    first = decide(found, GateState(), GatePolicy(), PlanningOptions())

    assert first == decide(priced(plan, now_s, expected_s), GateState(), GatePolicy(), PlanningOptions())
    assert [decision.step for decision in first] == [candidate.step for candidate in found]
    assert all(type(d).model_validate_json(d.model_dump_json()) == d for d in first)
