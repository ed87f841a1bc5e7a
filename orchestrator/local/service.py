"""A service in this process: submit tasks, follow them, and close it."""

import asyncio
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from actors.executor.local_executor import LocalExecutor
from actors.executor.loop_watch import LoopWatch
from orchestrator.config import given_settings
from orchestrator.drafts import Drafts
from orchestrator.errors import InvalidRequest
from orchestrator.gateway.task_ids import new_task_id
from orchestrator.llm import decomposer, draft_decomposer, goals_without_llm
from orchestrator.local.ports import NODE, LocalPlanning, LoopClock, NothingLearned, ThisMachine, room_for
from orchestrator.local.virtual_loop import VirtualLoop
from orchestrator.settings import Settings
from orchestrator.task_defaults import with_defaults
from planners.agents import Catalog
from planners.costs import PriorCosts
from planners.errors import InvalidTask
from planners.linking import linked
from planners.model import TaskId
from planners.optimal.certified import CertifiedPlans
from planners.tasks import AdmittedTask, Task
from planners.validation import flaws
from reconciler.journal.memory import MemoryJournal
from reconciler.journal.protocol import RunJournal
from reconciler.runtime.ports import Ports
from reconciler.runtime.shard import Shard
from reconciler.views.models import TaskView

# A task in doubt does not end, so this often it is looked at.
_POLL_S = 1.0


class LocalService:
    """Runs tasks in this process, on the running event loop. Nothing outlives it but what a journal on disk keeps.

    Use it as an async context manager. `shard` answers every further question about its tasks.
    """

    def __init__(
        self,
        catalog: Catalog,
        settings: Settings | Mapping[str, Any] | None = None,
        *,
        journal: RunJournal | None = None,
    ) -> None:
        """Set up.

        Args:
            catalog: the agents.
            settings: of which planning, gate and llm are used, also as a mapping; by default those of a service without
                a file.
            journal: keeps the tasks, and is closed with the service; by default they are kept in memory.

        Raises:
            InvalidSettings: a key is unknown, or a value is invalid.
        """
        self._catalog = catalog
        self._settings = given_settings(settings)
        draft = self._settings.llm.draft
        self._llms = decomposer(self._settings), draft_decomposer(self._settings)
        self._planning = LocalPlanning(self._settings.planning, *self._llms)
        self._executor = LocalExecutor(catalog, {NODE: room_for(catalog)}, logs=None)  # agents print to the terminal
        self._machine = ThisMachine(catalog, self._executor)
        self._clock = LoopClock()
        nothing = NothingLearned(self._settings.gate)
        ports = Ports(
            catalog=catalog,
            executor=self._executor,
            planning=self._planning,
            cluster=self._machine,
            clock=self._clock,
            outcomes=nothing,
            advice=nothing,
            drafter=None if draft is None else Drafts(draft, self._planning.draft),
            certifier=CertifiedPlans(PriorCosts, most_steps=self._settings.planning.certified_steps),
        )
        self._watch = LoopWatch(asyncio.get_running_loop())
        on_close = (self._executor.close, self._planning.close)
        self.shard = Shard(ports, MemoryJournal() if journal is None else journal, nothing, on_close=on_close)

    async def __aenter__(self) -> Self:
        if not isinstance(asyncio.get_running_loop(), VirtualLoop):  # its clock says nothing about what takes long
            self._watch.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watch.stop()
        await self.shard.close()
        for llm in self._llms:
            if llm is not None:
                await llm.close()

    async def submit(self, task: Task) -> TaskView:
        """Admit a task; it begins at once.

        Raises:
            InvalidRequest: the task cannot be run; names all errors.
        """
        try:
            task = linked(task, self._catalog)
        except InvalidTask as error:
            raise InvalidRequest([error]) from None
        found = [*flaws(task, self._catalog, self._machine.snapshot()), *goals_without_llm(task, self._settings)]
        if found:
            raise InvalidRequest(found)
        now_s, complete = self._clock.now_s(), with_defaults(task, self._settings)
        return await self.shard.submit(AdmittedTask(id=new_task_id(now_s), task=complete, submitted_at_s=now_s))

    async def ended(self, task_id: TaskId, on_view: Callable[[TaskView], None] | None = None) -> TaskView:
        """The task once it has ended, or once only a person can say how it goes on (`TaskView.needs_resolution`).

        ``on_view`` gets the task about once a second until then.
        """
        while True:
            view = await self.shard.wait(task_id, _POLL_S)
            if view.status.ended or view.needs_resolution:
                return view
            if on_view is not None:
                on_view(view)

    async def run(self, task: Task, on_view: Callable[[TaskView], None] | None = None) -> TaskView:
        """Submit a task and wait for its end; see `ended`.

        Raises:
            InvalidRequest: the task cannot be run; names all errors.
        """
        return await self.ended((await self.submit(task)).id, on_view)
