"""The mailbox of an attempt: what its agent publishes, and what it hears. Lives on the event loop of the agent."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable

from pydantic import JsonValue

from actors.errors import BadOutput, NoMailbox
from actors.payloads.json_values import decoded, encoded
from planners.model import StepId
from planners.topics import MailboxTopics
from reconciler.state.messages import MailboxMessage

MAX_MESSAGES = 1_000
_NOT_DECLARED = "name it in mailbox.{role} of the step"

Post = Callable[[MailboxMessage], None]


class AttemptMailbox:
    """What one attempt publishes and hears."""

    def __init__(self, step: StepId, topics: MailboxTopics, post: Post, max_bytes: int) -> None:
        """Set up.

        Args:
            step: of the attempt.
            topics: what the step declares.
            post: takes what is published.
            max_bytes: the most bytes of the body of a message.
        """
        self._step = step
        self._topics = topics
        self._post = post
        self._max_bytes = max_bytes
        self._published = 0
        self._known: set[tuple[str, str]] = set()
        self._unread: dict[str, deque[MailboxMessage]] = {topic: deque() for topic in topics.subscribes}
        self._replies: dict[str, MailboxMessage] = {}
        self._news = asyncio.Event()

    def take(self, messages: Iterable[MailboxMessage]) -> None:
        """Messages have arrived. What has arrived before is left out."""
        for message in messages:
            known = (message.id, message.model_dump_json())
            if known in self._known:
                continue
            self._known.add(known)
            if message.reply_to:
                self._replies.setdefault(message.reply_to, message)
            elif message.topic in self._unread:
                self._unread[message.topic].append(message)
        self._news.set()

    def publish(self, topic: str, body: JsonValue = None) -> MailboxMessage:
        """See `actors.context.Context.publish`."""
        if topic not in self._topics.publishes:
            message = f"the step does not declare that it publishes '{topic}'"
            raise BadOutput(message, "mailbox", _NOT_DECLARED.format(role="publishes"))
        return self._send(topic, body)

    def reply(self, to: MailboxMessage, body: JsonValue = None) -> None:
        """See `actors.context.Context.reply`."""
        self._send("", body, reply_to=to.id)

    async def receive(self, topic: str, timeout_s: float | None) -> MailboxMessage:
        """See `actors.context.Context.receive`."""
        if topic not in self._unread:
            message = f"the step does not declare that it subscribes to '{topic}'"
            raise BadOutput(message, "mailbox", _NOT_DECLARED.format(role="subscribes"))
        async with asyncio.timeout(timeout_s):
            while not self._unread[topic]:
                await self._next()
        return self._unread[topic].popleft().model_copy(deep=True)

    async def messages(self, topic: str) -> AsyncIterator[MailboxMessage]:
        """See `actors.context.Context.messages`."""
        while True:
            yield await self.receive(topic, None)

    async def request(self, topic: str, body: JsonValue, timeout_s: float | None) -> JsonValue:
        """See `actors.context.Context.request`."""
        asked = self.publish(topic, body)
        async with asyncio.timeout(timeout_s):
            while asked.id not in self._replies:
                await self._next()
        return self._replies[asked.id].body

    async def _next(self) -> None:
        self._news.clear()
        await self._news.wait()

    def _send(self, topic: str, body: JsonValue, reply_to: str = "") -> MailboxMessage:
        text = encoded(body, "message")
        if len(text) > self._max_bytes:
            told = f"the message has {len(text)} bytes, and at most {self._max_bytes} are allowed"
            raise BadOutput(told, "mailbox", "give large data as the output, and publish what it is about")
        if self._published >= MAX_MESSAGES:
            raise BadOutput(f"the attempt publishes more than {MAX_MESSAGES} messages", "mailbox", "publish less often")
        name, copied = f"{self._step}/{self._published}", decoded(text, "message")
        message = MailboxMessage(id=name, topic=topic, body=copied, reply_to=reply_to)
        self._published += 1
        self._post(message)
        return message


def mailbox_of(mailbox: AttemptMailbox | None, agent: str) -> AttemptMailbox:
    """The mailbox of an attempt.

    Raises:
        NoMailbox: it has none.
    """
    if mailbox is None:
        fix = "declare mailbox: {publishes: [...], subscribes: [...]} on the step"
        raise NoMailbox(f"the step that agent '{agent}' does has no mailbox", "mailbox", fix)
    return mailbox
