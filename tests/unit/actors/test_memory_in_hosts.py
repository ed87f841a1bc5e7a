"""What an attempt that waits keeps in its host."""

import asyncio

import sample_agents as s
from attempts import until
from traced_memory import kept_bytes

from actors.catalog import catalog_of
from actors.executor.calls import Calls
from actors.executor.containment import RunningMark
from actors.executor.host_attempts import HostAttempts
from actors.executor.messages import Orders, packed, unpacked
from actors.logs.limits import LogLimits
from actors.payloads.outputs import BoundInputs
from actors.payloads.store import ReturnedPayloads
from planners.agents import Effect
from planners.model import AttemptId, NodeId, StepId, TaskId
from reconciler.state.commands import Dispatch

AGENTS = 500
# Of these the agent itself, which only sleeps, takes a quarter.
MOST_BYTES = 3_900
(AGENT,) = catalog_of(s.waits).agents


def order(number: int) -> Dispatch:
    attempt = AttemptId(f"01KB8ZP4V7Q2D5-0001.{number}")
    return Dispatch(
        attempt=attempt,
        step=StepId(f"each/step[{number}]"),
        agent=AGENT.name,
        node=NodeId("n1"),
        inputs={},
        epoch=1,
        speculative=False,
        effect=Effect.PURE,
        work_key=f"{number:032x}",
    )


def messages(numbers: range) -> list[bytes]:
    calls = Calls(16_384, ReturnedPayloads(), LogLimits(), "executor")
    task, catalog = TaskId("01KB8ZP4V7Q2D5-0001"), catalog_of(s.waits)
    inputs = [BoundInputs({"seconds": 600.0 + number}) for number in numbers]
    made = [
        calls.bound(task, order(number), AGENT, bound, catalog) for number, bound in zip(numbers, inputs, strict=True)
    ]
    return [packed(Orders(made[first : first + 250])) for first in range(0, len(made), 250)]


async def test_an_attempt_that_waits_takes_little_memory(tmp_path):
    host = HostAttempts(RunningMark(tmp_path / "mark"))

    async def begin(sent):
        expected = len(host.running) + 250 * len(sent)
        for message in sent:
            host.take(unpacked(message))
        await until(lambda: len(host.running) == expected)
        for _ in range(3):  # all of them have begun to wait
            await asyncio.sleep(0)

    await begin(messages(range(250)))
    sent = messages(range(250, 250 + AGENTS))
    grown = await kept_bytes(lambda: begin(sent))
    host.take(Orders(flushed=list(host.running)))
    await until(lambda: not host.running)

    assert grown / AGENTS < MOST_BYTES
