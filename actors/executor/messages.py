"""What an executor and a host send each other: many orders or results in one message.

Messages are bytes, which Ray passes on without looking into them. Within one message pickle writes down once what its
calls share: the target, settings and schemas of their agent.
"""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from actors.invocation import Ended, Invocation
from planners.model import AttemptId
from reconciler.state.messages import MailboxMessage

_Message = TypeVar("_Message", "Orders", "list[Returned | Posted]")


@dataclass(frozen=True, slots=True)
class Orders:
    """What a host is to do: cancel the attempts in ``flushed``, then start ``calls``, then hand over ``mail``."""

    calls: Sequence[Invocation] = ()
    flushed: Sequence[AttemptId] = ()
    mail: Sequence[tuple[AttemptId, Sequence[MailboxMessage]]] = ()


@dataclass(frozen=True, slots=True)
class Posted:
    """A message that an attempt in a host has published."""

    attempt: AttemptId
    message: MailboxMessage


@dataclass(frozen=True, slots=True)
class Returned:
    """How an attempt ended in a host. ``ended``: None if it was flushed. A large output stays in the host."""

    attempt: AttemptId
    ended: Ended | None
    staged: Mapping[str, bytes] | None = None

    @property
    def is_large(self) -> bool:
        """Whether its output waits in the host to be fetched."""
        return self.ended is not None and self.ended.handoff is not None and self.ended.handoff.by_reference


def packed(message: _Message) -> bytes:
    """A message as bytes."""
    return pickle.dumps(message, pickle.HIGHEST_PROTOCOL)


def unpacked(content: bytes) -> Any:
    """The message. Only the executor's own processes send any."""
    return pickle.loads(content)  # noqa: S301 -- see above
