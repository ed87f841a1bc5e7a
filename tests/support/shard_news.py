"""Waits for events of a task."""

import asyncio
from typing import Any

from shards import Service

from planners.model import TaskId


async def told(service: Service, task_id: TaskId, kind: str, *, within_s: float = 120.0, **data: Any) -> None:
    """Return when an event of this kind with this data has happened."""
    seen = 0
    async with asyncio.timeout(within_s):
        while True:
            page = await service.shard.events(task_id, seen, within_s)
            seen += len(page.events)
            if any(event.kind == kind and data.items() <= event.data.items() for event in page.events):
                return
            assert not page.ended, f"the task ended without {kind}"
