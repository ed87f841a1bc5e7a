"""What cannot be taken back waits until the disk holds why it is done; nothing else waits."""

import asyncio
import os
from concurrent.futures import Executor, Future
from itertools import cycle

from histories import CATALOG
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from random_histories import histories
from virtual_loop import in_virtual_time
from worlds import NODES

from planners.agents import Effect
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.model import NodeId, TaskId
from planners.resources import Resources
from planners.tasks import AdmittedTask
from reconciler.runtime.driver import Driver
from reconciler.runtime.ports import Ports
from reconciler.runtime.reservations import Reservations
from reconciler.runtime.shard_resources import ShardResources
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.conditions import Conditions
from reconciler.state.handoff import Handoff

HISTORIES = int(os.environ.get("FORERUN_LAW_HISTORIES", "300"))
CLUSTER = ClusterSnapshot(
    nodes=tuple(ClusterNode(id=NodeId(node), node_class=kind, total=Resources(cpus=9)) for node, kind in NODES.items())
)


class AtOnce(Executor):
    """A planning thread that is this thread."""

    def submit(self, fn, /, *args, **kwargs):
        done = Future()
        done.set_result(fn(*args, **kwargs))
        return done


class Disk:
    """A run's log on a disk that takes its time, in order. It remembers when each command was recorded."""

    journal = None  # the tasks of these histories repeat no other
    notices = ()

    def __init__(self, delays):
        self.delays, self.durable_s = cycle(delays), 0.0
        self.recorded = {}

    def record(self, event, commands, run, *, staged, urgent=False):
        loop = asyncio.get_running_loop()
        self.durable_s = max(self.durable_s, loop.time() + next(self.delays))
        durable = Future()
        loop.call_at(self.durable_s, durable.set_result, None)
        for command in commands:
            if isinstance(command, c.Dispatch | c.Promote):
                self.recorded[command.command, command.attempt] = (loop.time(), durable)
        return durable

    def announce(self): ...

    def promoted(self, attempt, at_s): ...

    async def conclude(self, view, run): ...


class World:
    """Planner, executor and clock of one driver. ``carried``: what the executor was told, and how the law saw it."""

    def __init__(self, history, disk):
        self.history, self.disk, self.carried = history, disk, []
        self.seconds = cycle([fate.seconds for fate in history.fates] or [0.5])

    def __getattr__(self, name):  # what the executor is told besides does not matter here
        return lambda *_, **__: None

    def now_s(self):
        return asyncio.get_running_loop().time()

    monotonic_s = now_s

    def snapshot(self):
        return CLUSTER

    def conditions(self, request, guess):
        return Conditions()

    def times(self, request, plan):
        return None

    def guesses(self, request):
        return iter(self.history.guesses)

    async def plan(self, request):
        await asyncio.sleep(0.3)
        yield self.history.plan(known=request.known.keys())

    def dispatch(self, task, order, report):
        self._carry_out(order)
        seconds = next(self.seconds)
        finished = e.AttemptFinished(at_s=0, attempt=order.attempt, handoff=Handoff(output="done"), seconds=seconds)
        asyncio.get_running_loop().call_later(seconds, report, finished)

    def staged(self, task, attempt):
        return {}

    def promote(self, task, attempt):
        self._carry_out(c.Promote(attempt=attempt))

    def _carry_out(self, command):
        recorded_s, durable = self.disk.recorded[command.command, command.attempt]
        self.carried.append((command, self.now_s() - recorded_s, durable.done()))

    async def promoted(self, task, attempt=None):
        return None

    async def value(self, task, source):
        return "done"


def driven(history, delays):
    """What was carried out: each command, how long after it was recorded, and whether that was durable."""
    disk = Disk(delays)
    world = World(history, disk)
    ports = Ports(
        catalog=CATALOG,
        executor=world,
        planning=world,
        cluster=world,
        clock=world,
        outcomes=world,
        advice=world,
    )

    async def scenario():
        admitted = AdmittedTask(id=TaskId("t"), task=history.task(), submitted_at_s=0.0)
        await Driver(admitted, ShardResources(ports, Reservations(CATALOG), AtOnce()), disk).drive()

    in_virtual_time(scenario())
    return world.carried


@given(histories(restarts=False), st.lists(st.sampled_from([0.0, 0.01, 0.4, 3.0]), min_size=1, max_size=6))
@settings(
    max_examples=max(1, HISTORIES // 10),
    derandomize="FORERUN_LAW_HISTORIES" not in os.environ,
    suppress_health_check=list(HealthCheck),
    phases=set(Phase) - {Phase.explain},
)
def test_only_what_cannot_be_taken_back_waits_for_the_disk(history, delays):
    for command, waited_s, durable in driven(history, delays):
        if isinstance(command, c.Promote) or command.effect is Effect.IRREVERSIBLE or command.discloses:
            assert durable
        else:
            assert waited_s == 0.0
