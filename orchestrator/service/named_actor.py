"""Handles of the service's actors by name."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import ray

from orchestrator.errors import Unavailable
from orchestrator.gateway.actor_calls import NAMESPACE


class NamedActor:
    """Stands for the handle of an actor that may be created later: each call looks it up until it is there.

    Attributes are its methods. ``remote`` of one is to be awaited, and raises `Unavailable` while there is no actor.
    """

    def __init__(self, name: str, title: str, find: Callable[[str], Any] | None = None) -> None:
        """Set up. ``title`` is what errors call the actor. ``find`` raises ValueError if there is none."""
        self._name = name
        self._title = title
        self._find = find or _found
        self._handle: Any = None

    def __getattr__(self, method: str) -> "MethodOfNamedActor":
        if method.startswith("__"):
            raise AttributeError(method)
        return MethodOfNamedActor(self, method)

    def handle(self) -> Any:
        """The handle of the actor.

        Raises:
            Unavailable: there is none yet.
        """
        if self._handle is None:
            try:
                self._handle = self._find(self._name)
            except ValueError:
                raise Unavailable(f"{self._title} has not started yet", fix="try again in a moment") from None
        return self._handle


@dataclass(frozen=True)
class MethodOfNamedActor:
    """One method of a `NamedActor`."""

    actor: NamedActor
    method: str

    async def remote(self, *arguments: Any) -> Any:
        """What the method returns.

        Raises:
            Unavailable: there is no actor yet.
            RayError: it has failed.
        """
        answer: Awaitable[Any] = getattr(self.actor.handle(), self.method).remote(*arguments)
        return await answer


def _found(name: str) -> Any:
    return ray.get_actor(name, namespace=NAMESPACE)
