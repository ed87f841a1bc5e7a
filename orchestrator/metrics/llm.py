"""Metrics of the LLM that decomposes goals."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Histogram

if TYPE_CHECKING:
    from planners.optimal.decompose.provider import Message, Tokens

_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 180)


class LlmMetrics:
    """How long the LLM takes until its first token and until the end of its answer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.first_token_s = Histogram(
            "forerun_llm_first_token_seconds", "Time to the first piece of an answer of the LLM",
            buckets=_BUCKETS, registry=registry,
        )  # fmt: skip
        self.answer_s = Histogram(
            "forerun_llm_seconds", "Time to the end of an answer of the LLM", ["result"],
            buckets=_BUCKETS, registry=registry,
        )  # fmt: skip


class TimedTokens:
    """Fulfils `planners.optimal.decompose.provider.Tokens`: the answers of another one, timed."""

    def __init__(self, tokens: "Tokens", metrics: LlmMetrics) -> None:
        self._tokens = tokens
        self._metrics = metrics

    async def answer(
        self, conversation: "Sequence[Message]", schema: dict[str, Any], *, strict: bool
    ) -> AsyncGenerator[str, None]:
        """See `Tokens`. An answer that is closed before its end, because it takes too long, is cancelled."""
        began_s, waiting, result = time.perf_counter(), True, "cancelled"
        try:
            async with aclosing(self._tokens.answer(conversation, schema, strict=strict)) as pieces:
                async for piece in pieces:
                    if waiting:
                        waiting = False
                        self._metrics.first_token_s.observe(time.perf_counter() - began_s)
                    yield piece
            result = "complete"
        except (Exception, asyncio.CancelledError) as error:
            result = "cancelled" if isinstance(error, asyncio.CancelledError) else "failed"
            raise
        finally:
            self._metrics.answer_s.labels(result).observe(time.perf_counter() - began_s)

    async def close(self) -> None:
        """See `Tokens`."""
        await self._tokens.close()
