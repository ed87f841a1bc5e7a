"""Guessed plans of a few steps, priced and decided by the gate."""

from planners.agents import AgentSpec, Catalog, Effect, Price, Provider
from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.resources import Resources
from planners.tasks import PlanningOptions
from planners.workflow import Step
from reconciler.gate import GatePolicy, GateState, Prices, decide, price

CATALOG = Catalog(
    agents=(
        AgentSpec(name="free", capability="x"),
        AgentSpec(name="paid", capability="x", price=Price(usd_per_call=0.01)),
        AgentSpec(name="sends_mail", capability="x", effect=Effect.IRREVERSIBLE),
        AgentSpec(name="tells_others", capability="x", discloses=True),
        AgentSpec(name="llm", capability="x", resources=Resources(), provider="p"),
    ),
    providers=(Provider(name="p", max_concurrent=4, requests_per_s=2.0), Provider(name="unlimited")),
)
OPTIONS, POLICY, OPEN = PlanningOptions(alpha=0.5, value_of_time_usd_per_s=0.001), GatePolicy(), GateState()


def step(name, after=(), agent="free", *, start=0.0, d=1.0, p=0.8, node="n"):
    return PlannedStep(
        step=Step(id=name, capability="x", after=after),
        placement=Placement(agent=agent, node=node, start_s=start, duration_s=d),
        work_key=name,
        probability=p,
    )


def candidates(*steps, now=0.0, expected=3.0, under_way=None, prices=None, options=OPTIONS, **more):
    found = price(
        Plan(kind=PlanKind.SPECULATIVE, steps=steps),
        catalog=CATALOG,
        now_s=now,
        expected_plan_s=expected,
        under_way=under_way or {},
        prices=prices or Prices(),
        options=options,
        policy=POLICY,
        **more,
    )
    return {candidate.step: candidate for candidate in found}


def decisions(found, state=OPEN, policy=POLICY, options=OPTIONS):
    return {decision.step: decision for decision in decide(list(found.values()), state, policy, options)}
