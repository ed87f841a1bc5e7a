"""What the runs of a shard share."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor as Threads
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import TypeVar

from planners.cluster import ClusterSnapshot
from planners.plans import Plan
from planners.requests import PlanRequest
from planners.tasks import Task
from reconciler.runtime.message_delays import MessageDelays
from reconciler.runtime.ports import Ports
from reconciler.runtime.reservations import Reservations
from reconciler.runtime.turns import Turns

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class ShardResources:
    """What the runs of a shard share.

    All speculative planning happens in the one thread of ``planning_thread``, and all handling of events that take long
    in that of ``handling_thread``: ten threads that each handle a plan of 2,000 steps would only contend for the
    interpreter.
    """

    ports: Ports
    reservations: Reservations
    planning_thread: Threads
    delays: MessageDelays = field(default_factory=MessageDelays)
    turns: Turns = field(default_factory=Turns)
    handling_thread: Threads = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="large-events"))
    _ended: deque[tuple[Task, Plan]] = field(default_factory=deque)  # plans that are not remembered yet

    def cluster(self) -> ClusterSnapshot:
        """The cluster as it is now, with what the runs of the shard have reserved."""
        return self.reservations.added_to(self.ports.cluster.snapshot(), self.ports.clock.monotonic_s())

    def request(self, task: Task) -> PlanRequest:
        """Asks for a plan of a task that is not run, with the agents and on the cluster as they are now."""
        return PlanRequest(task=task, catalog=self.ports.catalog, cluster=self.cluster())

    def remember(self, task: Task, plan: Plan) -> None:
        """Let later guesses learn from the optimal plan of a task, in the planning thread."""
        self._ended.append((task, plan))
        self.planning_thread.submit(self._remember_next)

    def _remember_next(self) -> None:
        """Prepare the next guess only after the last of several plans: each makes the preparation anew."""
        planning = self.ports.planning
        try:
            planning.remember(*self._ended.popleft())
            if not self._ended:
                planning.prepare()
        except Exception:  # noqa: BLE001 -- whatever is wrong with a plan, its task has ended, and others go on
            _log.exception("a plan could not be remembered")

    def close(self) -> None:
        """Wait for what the threads do, and end them."""
        self.planning_thread.shutdown()
        self.handling_thread.shutdown()

    async def handled(self, handle: Callable[[], _Result]) -> _Result:
        """What a function returns that handles an event in the thread for those that take long."""
        inside = copy_context()
        return await asyncio.get_running_loop().run_in_executor(self.handling_thread, inside.run, handle)
