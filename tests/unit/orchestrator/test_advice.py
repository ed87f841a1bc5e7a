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


def test_hedges_and_standbys_are_told_the_same_prices_with_the_plan_and_nothing_where_nothing_is_contended():
    asked = request()
    idle = asked.model_copy(update={"cluster": ClusterSnapshot(nodes=())})

    times = advice().times(asked, GUESS)

    assert times is not None
    assert times.contention.prices == advice().conditions(asked, GUESS).prices
    assert times.contention.usd(CATALOG.by_name["llm"], "n", 1.0) > 0
    assert advice().times(idle, GUESS) is None
