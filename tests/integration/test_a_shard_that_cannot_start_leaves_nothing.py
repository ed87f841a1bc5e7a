"""A shard that cannot be started, as while its database is away, is built again and again: each try cleans up."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from attempts import until
from ray.exceptions import ActorUnavailableError

from orchestrator.gateway.ray_gateway import LEARNER
from orchestrator.service.shard_builder import BuildShard
from orchestrator.settings import LearnerSettings, Settings
from planners.agents import Catalog
from reconciler.errors import JournalUnavailable
from reconciler.journal import Journal

pytestmark = pytest.mark.ray


def _answering(answer: Callable[[], Any]) -> Any:
    async def called(*_: Any) -> Any:
        return answer()

    return SimpleNamespace(remote=called)


def _away() -> None:
    raise ActorUnavailableError("it is being restarted", None)


PLANNER = SimpleNamespace(catalog=_answering(Catalog))
LOST_LEARNER = SimpleNamespace(restore=_answering(_away), record=_answering(_away))


@pytest.fixture(autouse=True)
def actors(monkeypatch: Any) -> None:
    """A planner that answers, a learner that does not, and no log file."""

    def found(name: str, **_: Any) -> Any:
        return LOST_LEARNER if name == LEARNER else PLANNER

    monkeypatch.setattr("orchestrator.service.shard_builder.ray.get_actor", found)
    monkeypatch.setattr("orchestrator.service.shard_builder.ServiceLog.install", lambda *_: None)


def _hosts() -> int:
    """How many hosts run on the nodes of this cluster."""
    found = 0
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            found += "".join(child.cmdline()[:1]).startswith("ray::Host")
    return found


async def test_hosts_end_where_the_journal_cannot_be_read(cluster: Any, tmp_path: Path, monkeypatch: Any):
    def away(*_: Any) -> None:
        raise JournalUnavailable("the database is away")

    monkeypatch.setattr(Journal, "plans", away)
    build = BuildShard(Settings(data_dir=tmp_path, learner=LearnerSettings(enabled=False)), Catalog())
    before = _hosts()

    for _ in range(2):
        with pytest.raises(JournalUnavailable):
            await build(0)

    await until(lambda: _hosts() == before)


async def test_a_shard_starts_though_the_learner_is_being_restarted(cluster: Any, tmp_path: Path):
    shard = await BuildShard(Settings(data_dir=tmp_path), Catalog())(0)

    await shard.ready()
    await shard.close()
