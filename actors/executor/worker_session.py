"""A worker process that runs one attempt after another, as one Ray task that holds its agent's resources meanwhile.

Ray's scheduler, a task's way through it and the messages of a stream cost several times what a short attempt takes. So
the attempts of an agent that follow one another on a node share a Ray task: a *session*. Each still has the process to
itself, and the process is what a cancellation ends. `actors.executor.worker_sessions` is the other end.
"""

import os
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ray

from actors.environment import restrict_environment
from actors.errors import ActorsError
from actors.executor.host import run_next
from actors.executor.host_socket import BlockingConnection, SocketAddress
from actors.executor.messages import Returned
from actors.executor.process_remains import watch

# Instead of an attempt: the session is over.
OVER = b""


class SessionUnreachable(ActorsError):
    """A session cannot reach its executor by a socket, though both are on one machine."""


@dataclass(frozen=True, slots=True)
class SessionBegan:
    """The first message of a session: its number, and the path on its node where its process leaves stacks."""

    number: int
    pid: int
    stack: str
    v: int = 1


@ray.remote(max_retries=0, num_returns="streaming")
def session(address: SocketAddress, number: int) -> Iterator[Any]:
    """Run the attempts that the executor sends, until it says that this is over. Yields a large output, then ends.

    A stream, because what it yields belongs to the executor and so outlives this process.

    Raises:
        SessionUnreachable: the executor's socket cannot be reached.
    """
    restrict_environment()
    try:
        connection = BlockingConnection(address)
    except OSError as error:
        raise SessionUnreachable(
            f"no session can begin: {error}", "node", "nothing: each attempt gets a task"
        ) from None
    try:
        connection.send(pickle.dumps(SessionBegan(number, os.getpid(), watch(None))))
        while message := connection.receive():
            call = pickle.loads(message)  # noqa: S301 -- the executor has sent it
            result = run_next(call)
            connection.send(pickle.dumps(Returned(call.attempt, result.ended, result.staged), pickle.HIGHEST_PROTOCOL))
            if result.body is not None:
                yield result.body
                return
    finally:
        watch(None)
        connection.close()
