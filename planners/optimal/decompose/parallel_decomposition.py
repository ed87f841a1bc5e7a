"""Decomposing all goals of a workflow at once, while the workflow grows."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from planners.agents import Catalog
from planners.errors import DecomposeFailed
from planners.model import StepId
from planners.optimal.decompose.goals import Decomposer, GoalText
from planners.optimal.decompose.partial_workflow import PartialWorkflow
from planners.workflow import Step

# A step of a goal; the goal's end; or what went wrong with it.
_Grown = tuple[StepId, Step | Exception | None]


async def grow(weave: PartialWorkflow, decomposer: Decomposer, catalog: Catalog) -> AsyncGenerator[None, None]:
    """Yields whenever the weave has grown, once for all steps that came meanwhile; ends when no goal is open.

    Raises:
        DecomposeFailed: one goal could not be decomposed; the steps confirmed before stay in the weave.
    """
    grown: asyncio.Queue[_Grown] = asyncio.Queue()
    pumps = [asyncio.create_task(_pump(goal, weave.text(goal), decomposer, catalog, grown)) for goal in weave.goals]
    try:
        while not weave.complete:
            news = [await grown.get()]
            while not grown.empty():
                news.append(grown.get_nowait())
            for goal, what in news:
                _apply(weave, goal, what)
            yield
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(
    goal: StepId, text: GoalText, decomposer: Decomposer, catalog: Catalog, grown: "asyncio.Queue[_Grown]"
) -> None:
    try:
        async with aclosing(decomposer.steps(text, catalog)) as steps:
            async for step in steps:
                grown.put_nowait((goal, step))
    # Whatever it is, the reader of the queue must hear of it: it would wait for ever.
    except Exception as error:  # noqa: BLE001
        grown.put_nowait((goal, error))
    else:
        grown.put_nowait((goal, None))


def _apply(weave: PartialWorkflow, goal: StepId, what: Step | Exception | None) -> None:
    match what:
        case Step():
            weave.confirm(goal, what)
        case None:
            weave.close(goal)
        case DecomposeFailed():
            raise what
        case _:
            raise DecomposeFailed(f"the decomposer failed: {type(what).__name__}", "goal") from what
