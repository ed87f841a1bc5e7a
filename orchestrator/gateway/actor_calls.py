"""Calls of named Ray actors: one path for all of them, with a timeout, and errors that say which actor failed."""

import asyncio
from collections.abc import Awaitable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from contextvars import Context
from typing import Any, TypeVar

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError, TaskCancelledError

from orchestrator.errors import Unavailable
from planners.errors import ForerunError

NAMESPACE = "forerun"
# A shard answers from memory or from its journal. One that takes longer is stuck or restarting.
TIMEOUT_S = 30.0

_Answer = TypeVar("_Answer")
# Calls within this process, and changes, that are under way: an event loop alone does not keep its tasks from the
# garbage collector.
_ANSWERING: set[asyncio.Task[None]] = set()


class ActorCalls:
    """Looks actors up by name and keeps their handles. Actors of this process are called directly."""

    def __init__(self, local: Mapping[str, Any] | None = None) -> None:
        """Set up. ``local``: the actors of this process by name; they live on this event loop."""
        self._local = local or {}
        self._handles: dict[str, Any] = {}

    async def call(self, actor: str, title: str, method: str, *arguments: Any, timeout_s: float = TIMEOUT_S) -> Any:
        """Call one method of an actor; ``title`` is what error messages call the actor.

        If the request that asks is cancelled, so is the call: Ray cancels whatever a cancelled request has called.

        Raises:
            asyncio.CancelledError: as above; Ray may cancel the call before the coroutine that awaits it.
            ForerunError: what the method raised.
            Unavailable: the actor is not running, has died, or did not answer in time.
        """
        if (here := self._local.get(actor)) is not None:
            return await _within_here(getattr(here, method)(*arguments), title, timeout_s)
        with self._errors_translated(actor, title, timeout_s):
            return await _within(getattr(self._handle(actor, title), method).remote(*arguments), timeout_s)

    async def change(self, actor: str, title: str, method: str, *arguments: Any, timeout_s: float = TIMEOUT_S) -> Any:
        """As `call`, of a method that writes: it goes on although the request that has called it is cancelled.

        A client that goes away could otherwise interrupt a write, and leave open whether it has been done.
        """
        if (here := self._local.get(actor)) is not None:
            return await _within_here(getattr(here, method)(*arguments), title, timeout_s)
        with self._errors_translated(actor, title, timeout_s):
            remote = getattr(self._handle(actor, title), method).remote
            # Ray keeps in the context to which request a call belongs.
            return await _within(Context().run(remote, *arguments), timeout_s)

    @contextmanager
    def _errors_translated(self, actor: str, title: str, timeout_s: float) -> Iterator[None]:
        """Raise Ray's errors as those of the service."""
        try:
            yield
        except TaskCancelledError:
            raise asyncio.CancelledError from None
        except RayTaskError as error:
            if isinstance(error.cause, ForerunError):
                raise error.cause from None
            raise
        except RayActorError:
            # After a restart the same name stands for another actor.
            self._handles.pop(actor, None)
            raise _unavailable(title, "has died") from None
        except TimeoutError:
            raise _unavailable(title, f"did not answer within {timeout_s:g} s") from None
        except RayError as error:
            raise _unavailable(title, f"cannot be reached: {error}") from None

    def _handle(self, actor: str, title: str) -> Any:
        if actor not in self._handles:
            try:
                self._handles[actor] = ray.get_actor(actor, namespace=NAMESPACE)
            except ValueError:
                raise _unavailable(title, "is not running") from None
        return self._handles[actor]


async def to_its_end(changes: Coroutine[Any, Any, None]) -> None:
    """Make several changes, all of them: whoever waits here may be cancelled between two."""
    making = asyncio.get_running_loop().create_task(changes, context=Context())
    _ANSWERING.add(making)
    making.add_done_callback(_ANSWERING.discard)
    await asyncio.shield(making)


async def _within(answer: Awaitable[_Answer], seconds: float) -> _Answer:
    async with asyncio.timeout(seconds):
        return await answer


async def _within_here(answer: Awaitable[_Answer], title: str, seconds: float) -> _Answer:
    """As for another process, the call goes on if the answer is late or nobody waits for it any more."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Future[_Answer] = loop.create_future()
    # Told by the call itself: with `asyncio.wait`, the answer waits for another round of a busy event loop.
    answering = loop.create_task(_tell(answer, waiting))
    _ANSWERING.add(answering)
    answering.add_done_callback(_ANSWERING.discard)
    late = loop.call_later(seconds, _fail, waiting, _unavailable(title, f"did not answer within {seconds:g} s"))
    try:
        return await waiting
    finally:
        late.cancel()


async def _tell(answer: Awaitable[_Answer], waiting: "asyncio.Future[_Answer]") -> None:
    """Pass an answer, or why there is none, to whoever still waits for it."""
    try:
        value = await answer
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is raised where the call is awaited
        _fail(waiting, error)
    except asyncio.CancelledError:
        waiting.cancel()
        raise
    else:
        if not waiting.done():
            waiting.set_result(value)


def _fail(waiting: "asyncio.Future[_Answer]", error: Exception) -> None:
    if not waiting.done():
        waiting.set_exception(error)


def _unavailable(title: str, why: str) -> Unavailable:
    return Unavailable(f"{title} {why}", fix="try again in a moment")
