"""The mailbox of a run: topics as logs, which every subscriber reads from the beginning. `delivery` holds the rules."""

from typing import NamedTuple

from planners.model import AttemptId
from reconciler.state.messages import MailboxMessage


class Delivered(NamedTuple):
    """A message that is out, who has published it, and when it got out."""

    message: MailboxMessage
    attempt: AttemptId
    at_s: float


class Mailbox:
    """What attempts have published.

    Attributes:
        log: what is out, in order.
        staged: what unconfirmed attempts have published.
        open: the attempts that use the mailbox and may still run.
        bytes: of all bodies in ``log``.
    """

    def __init__(self) -> None:
        self.log: list[Delivered] = []
        self.staged: dict[AttemptId, list[MailboxMessage]] = {}
        self.open: dict[AttemptId, None] = {}
        self.bytes = 0
        self._known: set[str] = set()

    def add(self, message: MailboxMessage, attempt: AttemptId, at_s: float) -> bool:
        """Let a message out; False if a retry has published it again."""
        text = message.model_dump_json()
        if text in self._known:
            return False
        self._known.add(text)
        self.log.append(Delivered(message, attempt, at_s))
        self.bytes += message.size
        return True
