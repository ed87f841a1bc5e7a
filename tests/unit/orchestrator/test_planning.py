"""A planner actor that dies is asked again, and no task fails because of it; none waits for its garbage collector."""

import gc
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import RayActorError, RayTaskError

from orchestrator.errors import Unavailable, UnknownCatalog
from orchestrator.service import planning
from orchestrator.service.planning import PlannerActor, RemotePlanning
from orchestrator.service_log import ServiceLog
from orchestrator.settings import Settings
from planners.agents import Catalog
from planners.cluster import ClusterSnapshot
from planners.plans import Plan, PlanKind
from planners.requests import PlanRequest
from planners.tasks import Task

REQUEST = PlanRequest(task=Task(goal="anything"), catalog=Catalog(), cluster=ClusterSnapshot(nodes=()))


class _Planner:
    """Stands for the handle of the actor: streams the given plans; an error ends the stream."""

    def __init__(self, *streams: list[Plan | Exception]) -> None:
        self._streams = list(streams)
        self.asked = 0
        self.stopped = self.told = 0
        self.plan = SimpleNamespace(options=lambda **_: SimpleNamespace(remote=self._stream))
        self.stop = SimpleNamespace(remote=self._stop)
        self.reload = SimpleNamespace(remote=self._reload)

    async def _stream(self, *_: Any) -> AsyncIterator[Any]:
        self.asked += 1
        for item in self._streams.pop(0):
            if isinstance(item, Exception):
                raise item
            yield _ready(item)

    def _stop(self, _ticket: str) -> None:
        self.stopped += 1

    async def _reload(self, _catalog: Catalog) -> None:
        """Dies instead, the first time."""
        self.told += 1
        if self.told == 1:
            raise RayActorError


async def _ready(plan: Plan) -> Plan:
    return plan


def a_plan(steps: int, *, complete: bool = False) -> Plan:
    # The content of the steps does not matter here.
    return Plan.model_construct(kind=PlanKind.OPTIMAL, steps=(None,) * steps, complete=complete)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(planning, "_RETRY_PAUSES_S", (0.0, 0.0))


async def planned(planner: _Planner) -> list[tuple[int, bool]]:
    remote = RemotePlanning(None, planner, None)
    return [(len(plan.steps), plan.complete) async for plan in remote.plan(REQUEST)]


async def test_a_planner_that_died_is_asked_again():
    planner = _Planner([RayActorError()], [a_plan(2, complete=True)])

    assert await planned(planner) == [(2, True)]
    assert planner.stopped == planner.asked == 2


async def test_a_second_plan_does_not_take_back_confirmed_steps():
    planner = _Planner(
        [a_plan(1), a_plan(2), RayActorError()], [a_plan(1), a_plan(2), a_plan(3), a_plan(3, complete=True)]
    )

    assert await planned(planner) == [(1, False), (2, False), (3, False), (3, True)]


async def test_a_planner_that_stays_away_is_unavailable():
    planner = _Planner(*[[RayActorError()]] * 3)

    with pytest.raises(Unavailable):
        await planned(planner)
    assert planner.asked == 3


async def test_a_planner_that_dies_as_it_is_told_a_catalog_is_asked_again():
    forgets = _unknown_catalog()
    planner = _Planner([forgets], [RayActorError()], [a_plan(2, complete=True)])

    assert await planned(planner) == [(2, True)]
    assert planner.told == 1


async def test_a_planner_that_never_knows_the_catalog_is_unavailable():
    planner = _Planner(*[[_unknown_catalog()]] * 3)

    with pytest.raises(Unavailable):
        await planned(planner)


def _unknown_catalog() -> RayTaskError:
    return RayTaskError("plan", "", UnknownCatalog("the planner does not know this catalog"))


def test_what_a_planner_was_started_with_is_not_collected_while_plans_wait(monkeypatch, tmp_path):
    """A full collection came after every 45 plans, and held up those that were streaming in for 0.25 s."""
    monkeypatch.setattr(ServiceLog, "install", lambda _self, _process: None)
    gc.unfreeze()  # the command line, which another test may have run in this process, has frozen all modules
    frozen = gc.get_freeze_count()

    try:
        planner = PlannerActor(Settings(data_dir=tmp_path), Catalog())

        assert gc.get_freeze_count() > frozen + 10_000
        assert all(known is not planner for known in gc.get_objects())
    finally:
        gc.unfreeze()
