"""NaN and infinities are refused or kept, the same for every kind of agent, and replies stay JSON."""

import json
import math
from typing import Any, NoReturn

import odd_agents as o
import pytest
from shards import Service, a_shard

from actors.catalog import catalog_of, parse_catalog
from planners.agents import Catalog
from planners.tasks import Task
from reconciler.state.handoff import FailureKind
from reconciler.views.models import TaskView

COMMAND = {"name": "prints", "kind": "command", "capability": "measure", "target": ["echo", "[1.0, NaN, Infinity]"]}
CALLABLES = catalog_of(o.measures_floats, o.measures_anything)
CATALOG = Catalog(agents=(*CALLABLES.agents, *parse_catalog({"agents": [COMMAND]}).agents))
AGENTS = ("measures_floats", "measures_anything", "prints")


def _no_json(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is no JSON")


async def ended(service: Service, agent: str) -> TaskView:
    steps = [{"id": "measured", "capability": "measure", "agent": agent}]
    task = Task.model_validate({"workflow": {"steps": steps}, "planning": {"mode": "wait"}})
    return await service.ended(await service.submit(task))


def told(view: TaskView, **reading: Any) -> Any:
    """What a reader of the reply is told: why it failed, or the output."""
    reply = json.loads(view.model_dump_json(), **reading)
    return reply["failure"]["kind"] if reply["failure"] else reply["outputs"]["measured"]


@pytest.mark.parametrize("agent", AGENTS)
async def test_a_number_that_json_cannot_hold_is_refused_or_can_be_told_from_null(tmp_path, agent):
    async with a_shard(CATALOG, tmp_path) as service:
        reply = told(await ended(service, agent), parse_constant=_no_json)

    if reply != FailureKind.BAD_OUTPUT:
        assert len(reply) == 3
        assert None not in reply
        assert [float(number) for number in reply[::2]] == [1.0, math.inf]


async def test_every_kind_of_agent_treats_such_numbers_alike(tmp_path):
    async with a_shard(CATALOG, tmp_path) as service:
        replies = {repr(told(await ended(service, agent))) for agent in AGENTS}  # NaN does not equal itself

    assert len(replies) == 1
