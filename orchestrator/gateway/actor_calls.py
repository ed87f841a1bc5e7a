"""Calls of named Ray actors: one path for all of them, with a timeout, and errors that say which actor failed."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from orchestrator.errors import Unavailable
from planners.errors import ForerunError

NAMESPACE = "forerun"
# A shard answers from memory or from its journal. One that takes longer is stuck or restarting.
TIMEOUT_S = 30.0

_Answer = TypeVar("_Answer")


class ActorCalls:
    """Looks actors up by name and keeps their handles. Actors of this process are called directly."""

    def __init__(self, local: Mapping[str, Any] | None = None) -> None:
        """Set up. ``local``: the actors of this process by name; they live on this event loop."""
        self._local = local or {}
        self._handles: dict[str, Any] = {}

    async def call(self, actor: str, title: str, method: str, *arguments: Any, timeout_s: float = TIMEOUT_S) -> Any:
        """Call one method of an actor; ``title`` is what error messages call the actor.

        Raises:
            ForerunError: what the method raised.
            Unavailable: the actor is not running, has died, or did not answer in time.
        """
        if (here := self._local.get(actor)) is not None:
            return await _within_here(getattr(here, method)(*arguments), title, timeout_s)
        try:
            return await _within(getattr(self._handle(actor, title), method).remote(*arguments), timeout_s)
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


async def _within(answer: Awaitable[_Answer], seconds: float) -> _Answer:
    async with asyncio.timeout(seconds):
        return await answer


async def _within_here(answer: Awaitable[_Answer], title: str, seconds: float) -> _Answer:
    """As for another process, the call goes on if the answer is late or nobody waits for it any more."""
    answering = asyncio.ensure_future(answer)
    await asyncio.wait([answering], timeout=seconds)
    if not answering.done():
        raise _unavailable(title, f"did not answer within {seconds:g} s")
    return answering.result()


def _unavailable(title: str, why: str) -> Unavailable:
    return Unavailable(f"{title} {why}", fix="try again in a moment")
