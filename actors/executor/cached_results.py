"""Answers attempts from the result cache where it can, and keeps what they return."""

from collections.abc import Awaitable, Callable

from actors.agent_tools import tools_of
from actors.executor.hosted import HostedAttempt
from actors.invocation import Ended
from actors.payloads.outputs import Outputs
from actors.result_cache import ResultCache
from planners.agents import Catalog
from planners.model import canonical_json


async def with_results(
    results: ResultCache,
    hosted: HostedAttempt,
    catalog: Catalog,
    outputs: Outputs,
    run: Callable[[HostedAttempt], Awaitable[Ended]],
) -> Ended:
    """The end of an attempt: that of identical work, else of running it.

    Inputs and outputs that travel by reference or are made where the attempt runs are neither compared nor kept.
    """
    order, agent = hosted.order, catalog.by_name.get(hosted.order.agent)
    if agent is None or not order.cached:
        return await run(hosted)
    bound, tools = outputs.bound(hosted.task, order.inputs), tools_of(agent, catalog)
    if not bound.here or not all(tool.cacheable for tool in tools):
        return await run(hosted)
    wanted = order.check
    if order.writes or order.compact is not None:
        wanted = canonical_json([order.check, order.writes, order.compact and order.compact.model_dump()])
    key = results.key(hosted.task, order.work_key, agent, wanted, bound.inputs, tools)
    await results.identical(key, speculative=order.speculative)
    # From before the results are looked up, which takes a thread: others would look, find nothing and begin meanwhile.
    with results.working(key, speculative=order.speculative):
        if (known := await results.find(key)) is not None:
            return Ended(0.0, handoff=known)
        ended = await run(hosted)
        if ended.handoff is not None and not ended.handoff.by_reference and not ended.staged:
            results.put(key, ended.handoff, agent.identity)
    return ended
