"""The gate's inputs from a shard: guidance, bounds, prices."""

from orchestrator.service.advice import LearnedAdvice
from orchestrator.settings import ReconcilerSettings, Settings
from planners.agents import AgentSpec, Catalog, Provider
from planners.cluster import ClusterSnapshot, Reservation
from planners.plans import Plan, PlanKind
from planners.requests import PlanRequest
from planners.tasks import Task

CATALOG = Catalog(
    agents=(AgentSpec(name="llm", capability="ask", provider="p"),), providers=(Provider(name="p", max_concurrent=8),)
)
GUESS = Plan(kind=PlanKind.SPECULATIVE)


def request(task=None, **more):
    held = Reservation(provider="p", calls=2, end_s=60.0)
    cluster = ClusterSnapshot(nodes=(), reservations=(held,))
    return PlanRequest(task=task or Task(goal="anything"), catalog=CATALOG, cluster=cluster, **more)


def advice(**settings):
    async def restore(_learner):
        raise AssertionError("nothing is to be restored")

    return LearnedAdvice(Settings(**settings), None, None, restore)


def test_calls_that_others_have_reserved_make_their_provider_dear_and_the_dearer_the_more_shards_share_it():
    alone = advice().conditions(request(), GUESS).prices
    one_of_two = advice(reconciler=ReconcilerSettings(shards=2)).conditions(request(), GUESS).prices

    assert alone.providers["p"].wanted == {"calls": 0.25}
    assert one_of_two.providers["p"].wanted == {"calls": 0.5}
