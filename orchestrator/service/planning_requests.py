"""Planning requests in progress, each of which the caller can cancel."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing

from planners.plans import Plan

# Tickets of ended requests that are remembered. One that is overtaken by its own cancel follows within a second.
_MOST_ENDED = 10_000


class PlanningRequests:
    """Planning requests by ticket.

    Cancelling one cancels its asyncio task: the connection to the LLM is closed, and the pipeline stops its solver's
    thread, which no cancellation reaches. A request may be cancelled before it arrives: Ray holds a call back until its
    arguments are there, and a large one is unpacked first.
    """

    def __init__(self) -> None:
        self._in_progress: dict[str, asyncio.Task[None]] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        """Number of plans in progress."""
        return len(self._in_progress)

    async def follow(self, ticket: str, planning: AsyncGenerator[Plan, None]) -> AsyncGenerator[Plan, None]:
        """The plans as they arrive, until the last one or until `stop`, which may have come before.

        Raises:
            PlanningError: what ``planning`` raises.
        """
        if ticket in self._ended:
            return
        plans = asyncio.Queue[Plan | None]()
        producing = self._in_progress[ticket] = asyncio.get_running_loop().create_task(_produce(planning, plans))
        producing.add_done_callback(lambda _: plans.put_nowait(None))
        try:
            while (plan := await plans.get()) is not None:
                yield plan
            if not producing.cancelled():
                producing.result()
        finally:
            self.stop(ticket)

    def stop(self, ticket: str) -> None:
        """Cancel a planning request, in progress or yet to arrive. One that has finished is ignored."""
        self._ended[ticket] = None
        while len(self._ended) > _MOST_ENDED:
            self._ended.popitem(last=False)
        if (producing := self._in_progress.pop(ticket, None)) is not None:
            producing.cancel()

    def stop_all(self) -> None:
        """Cancel all planning requests."""
        for ticket in list(self._in_progress):
            self.stop(ticket)


async def _produce(planning: AsyncGenerator[Plan, None], plans: "asyncio.Queue[Plan | None]") -> None:
    async with aclosing(planning):
        async for plan in planning:
            plans.put_nowait(plan)
