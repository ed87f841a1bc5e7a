"""Tells what a model is saying while it says it."""

import time
from collections.abc import AsyncIterable, Callable

from pydantic_ai import RunContext
from pydantic_ai.messages import (
    AgentStreamEvent,
    FunctionToolCallEvent,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ToolCallPartDelta,
)

# The end of the answer so far is shown, at most so often.
_SHOWN = 200
_LEAST_S = 0.25


class AnswerProgress:
    """Handles the events of a streamed answer: its last words, and with ``tools`` which ones the model calls."""

    def __init__(
        self, tell: Callable[[str], None], now_s: Callable[[], float] = time.monotonic, *, tools: bool = True
    ) -> None:
        self._tell = tell
        self._tools = tools
        self._now_s = now_s
        self._told_s = float("-inf")
        self._said = ""

    async def __call__(self, _: RunContext[None], events: AsyncIterable[AgentStreamEvent]) -> None:
        """Follow the events of one request to the model."""
        self._said, told = "", ""
        async for event in events:
            if isinstance(event, FunctionToolCallEvent) and self._tools:
                self._tell(f"calls {event.part.tool_name}")
            elif text := _text_of(event):
                self._said += text
            if self._said != told and self._now_s() - self._told_s >= _LEAST_S:
                told = self._said
                self._show()
        if self._said != told:
            self._show()

    def _show(self) -> None:
        self._told_s = self._now_s()
        self._tell(self._said if len(self._said) <= _SHOWN else f"...{self._said[-_SHOWN:]}")


def _text_of(event: AgentStreamEvent) -> str:
    """What an event adds to the answer, which may be the arguments of a tool call."""
    match event:
        case PartStartEvent(part=TextPart(content=text)) | PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
            return text
        case PartDeltaEvent(delta=ToolCallPartDelta(args_delta=str(arguments))):
            return arguments
        case _:
            return ""
