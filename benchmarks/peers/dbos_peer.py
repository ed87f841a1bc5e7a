"""DBOS in this process: the result of every step is durable in SQLite or PostgreSQL before the next one starts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from dbos import DBOS

from benchmarks.peers.postgres import database
from benchmarks.peers.workload import STEPS, check, end_of_chain, nap, pass_on, with_open_tasks

_pass_on = DBOS.step(name="pass_on")(pass_on)
_nap = DBOS.step(name="nap")(nap)


async def chain(number: int) -> Any:
    """A workflow of steps one after another."""
    value: Any = number
    for _ in range(STEPS):
        value = await _pass_on(value)
    return value


async def fan(width: int) -> list[Any]:
    """A workflow of steps side by side, started in a fixed order as DBOS asks for."""
    return await asyncio.gather(*(_pass_on(number) for number in range(width)))


async def naps(width: int) -> list[Any]:
    """As `fan`, of agents that wait."""
    return await asyncio.gather(*(_nap(number) for number in range(width)))


_chain, _fan, _naps = (DBOS.workflow(name=workflow.__name__)(workflow) for workflow in (chain, fan, naps))


class DbosPeer:
    """Fulfils `Peer`."""

    async def chains(self, numbers: range) -> None:
        """See `Peer`."""

        async def one(number: int) -> Any:
            return await self._run(_chain, number)

        check(await with_open_tasks(one, numbers), [end_of_chain(number) for number in numbers])

    async def fan(self, width: int) -> None:
        """See `Peer`."""
        check(await self._run(_fan, width), [{"before": number} for number in range(width)])

    async def naps(self, width: int) -> None:
        """See `Peer`."""
        check(await self._run(_naps, width), list(range(width)))

    async def _run(self, workflow: Any, argument: int) -> Any:
        handle = await DBOS.start_workflow_async(workflow, argument)
        return await handle.get_result()


@asynccontextmanager
async def opened(folder: Path, variant: str) -> AsyncIterator[DbosPeer]:
    """DBOS with its defaults, without its administration server. ``variant``: ``sqlite`` or ``postgres``."""
    with database(folder, variant) as url:
        DBOS(
            config={
                "name": "peers",
                "system_database_url": url,
                "log_level": "ERROR",
                "run_admin_server": False,
            }
        )
        DBOS.launch()
        try:
            yield DbosPeer()
        finally:
            DBOS.destroy()
