"""A session, as the executor sees it."""

import asyncio
import logging
import pickle
from collections.abc import Awaitable
from typing import Any, Protocol

from ray import exceptions as rx

from actors.executor.host_link import Waiting
from actors.executor.host_socket import MessageStream
from actors.executor.messages import Returned, unpacked
from actors.executor.worker_session import OVER, SessionBegan
from actors.invocation import Invocation
from planners.model import AttemptId

_log = logging.getLogger(__name__)

# How Ray tells that a process or its node was lost.
PROCESS_LOST = (
    rx.WorkerCrashedError,
    rx.NodeDiedError,
    rx.LocalRayletDiedError,
    rx.OutOfMemoryError,
    rx.TaskCancelledError,
)


class NeverBegan(rx.WorkerCrashedError):
    """A process was lost before it has read the attempt that it was to run: the agent was certainly not called.

    ``why``: the error that tells how it was lost.
    """

    def __init__(self, why: Exception) -> None:
        super().__init__(why)
        self.why = why


class SessionTask(Protocol):
    """The Ray task of a session."""

    def completed(self) -> Awaitable[Any]:
        """Wait for its end. Raises what it has raised, or the RayError that tells how it was lost."""
        ...

    def __anext__(self) -> Awaitable[Any]:
        """The reference to the large output that it has yielded."""
        ...


class SessionOwner(Protocol):
    """What becomes of a session; see `actors.executor.session_place.SessionPlace`."""

    def begun(self, session: "WorkerSession") -> None:
        """The process of a session is there."""
        ...

    def free(self, session: "WorkerSession") -> None:
        """A session has nothing to do."""
        ...

    def leave(self, session: "WorkerSession") -> None:
        """A session gets no attempt any more."""
        ...

    def cancel(self, session: "WorkerSession") -> None:
        """End the process of a session."""
        ...


class WorkerSession:
    """A Ray task and the attempt that runs in it.

    ``stack``: the path, on its node, where its process leaves stacks. ``gone``: it gets no attempt any more.
    """

    __slots__ = (
        "_attempt",
        "_place",
        "_waiting",
        "began_s",
        "closed",
        "gone",
        "idle_s",
        "number",
        "stack",
        "stream",
        "task",
    )

    def __init__(self, place: SessionOwner, number: int, task: SessionTask) -> None:
        self._place = place
        self.number = number
        self.task = task
        self.stack = ""
        self.stream: MessageStream | None = None
        self.closed = asyncio.Event()
        self._attempt: AttemptId | None = None
        self._waiting: Waiting | None = None
        self.began_s = self.idle_s = 0.0
        self.gone = False

    def run(self, call: Invocation, waiting: Waiting) -> None:
        """Start an attempt. ``waiting`` takes its end, or the error of Ray for which there is none.

        The error is `NeverBegan` if the process has ended before it could read the attempt.
        """
        self._attempt, self._waiting = call.attempt, waiting
        if self.stream is None:
            self._settle(NeverBegan(rx.WorkerCrashedError()))
            return
        self.stream.send(pickle.dumps(call, pickle.HIGHEST_PROTOCOL))

    def begun(self, began: SessionBegan, stream: MessageStream) -> None:
        """The process is there."""
        self.stack, self.stream = began.stack, stream
        self.began_s = asyncio.get_running_loop().time()
        self._place.begun(self)

    def cancel(self, attempt: AttemptId) -> None:
        """End the process, and with it the attempt, if that still runs here."""
        if attempt == self._attempt:
            self._place.cancel(self)

    def take(self, message: bytes) -> None:
        """The attempt has returned. After a large output the process ends by itself."""
        returned: Returned = unpacked(message)
        self._settle(returned)
        if returned.is_large:
            self._place.leave(self)
        else:
            self._place.free(self)

    def disconnected(self) -> None:
        """The connection has ended, which shows before Ray tells that the process has."""
        self.closed.set()
        stream, self.stream = self.stream, None
        if stream is not None and stream.left_unread:
            self._settle(NeverBegan(rx.WorkerCrashedError()))
        if not self.gone:
            self._place.leave(self)

    def fail(self, error: Exception) -> None:
        """The process has ended, and so has the attempt."""
        self.close()
        self._settle(error)

    def close(self) -> None:
        """End the connection to the process, which ends then, unless an attempt still runs there."""
        stream, self.stream = self.stream, None  # else a cycle keeps the Ray task until garbage is collected
        if stream is not None:
            stream.close()

    def let_go(self) -> None:
        """Tell the process that this is over."""
        if self.stream is not None:
            self.stream.send(OVER)

    def _settle(self, told: Returned | Exception) -> None:
        """Nothing runs here any more."""
        waiting, self._attempt, self._waiting = self._waiting, None, None
        try:
            if waiting is not None:
                waiting.take_end(told)
        except Exception:  # noqa: BLE001 -- whatever is wrong with one attempt, others must get this session
            _log.exception("the end of an attempt could not be reported")
