"""Decomposes the goals of a workflow side by side, while the workflow grows."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from planners.agents import Catalog
from planners.errors import DecomposeFailed
from planners.model import StepId
from planners.optimal.decompose.goals import Decomposer
from planners.optimal.decompose.growing_workflow import GrowingWorkflow
from planners.workflow import Step

# A step of a goal; None at the goal's end; or why it failed.
_News = tuple[StepId, Step | BaseException | None]


# Goals that are decomposed at once: a workflow may hold thousands of them.
_AT_ONCE = 16


async def decompose(workflow: GrowingWorkflow, decomposer: Decomposer, catalog: Catalog) -> AsyncGenerator[None, None]:
    """Yields whenever the workflow has grown, once for all steps that arrived meanwhile; ends when no goal is open.

    Raises:
        DecomposeFailed: a goal could not be decomposed; the steps confirmed before stay in the workflow.
    """
    news: asyncio.Queue[_News] = asyncio.Queue()
    slots = asyncio.Semaphore(_AT_ONCE)

    async def read_in_turn(goal: StepId) -> None:
        async with slots:
            await _read(goal, workflow, decomposer, catalog, news)

    readers = [asyncio.create_task(read_in_turn(goal)) for goal in workflow.goals]
    try:
        while not workflow.complete:
            arrived = [await news.get()]
            while not news.empty():
                arrived.append(news.get_nowait())
            for goal, what in arrived:
                _apply(workflow, goal, what)
            yield
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


async def _read(
    goal: StepId, workflow: GrowingWorkflow, decomposer: Decomposer, catalog: Catalog, news: "asyncio.Queue[_News]"
) -> None:
    try:
        async with aclosing(decomposer.steps(workflow.text(goal), catalog)) as steps:
            async for step in steps:
                news.put_nowait((goal, step))
    # Whatever ends a decomposer, the queue's reader must hear of it, or it would wait forever. A CancelledError can be
    # the decomposer's own: that of an HTTP client's scope, say.
    except BaseException as error:
        news.put_nowait((goal, error))
        if not isinstance(error, Exception):
            raise
    else:
        news.put_nowait((goal, None))


def _apply(workflow: GrowingWorkflow, goal: StepId, what: Step | BaseException | None) -> None:
    match what:
        case Step():
            workflow.confirm(goal, what)
        case None:
            workflow.close(goal)
        case DecomposeFailed():
            raise what
        case _:
            raise DecomposeFailed(f"the decomposer failed: {type(what).__name__}", "goal") from what
