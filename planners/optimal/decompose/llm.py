"""Decomposing a goal with an LLM: each step is checked and passed on while the answer still streams.

A wrong answer is not thrown away: the steps before the mistake stand, the mistake is told, and the LLM writes the rest.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from planners.agents import Catalog
from planners.bindings import Value, unwrapped
from planners.errors import DecomposeFailed
from planners.interfaces import Interface, interfaces
from planners.optimal.decompose.config import LLMConfig
from planners.optimal.decompose.goals import GoalText
from planners.optimal.decompose.json_stream import MalformedAnswer, StreamedItems
from planners.optimal.decompose.prompt import goal_text, repair_text, system_text
from planners.optimal.decompose.provider import ChatTokens, Message, Tokens
from planners.optimal.decompose.schema import answer_schema
from planners.optimal.decompose.step_validation import BadStep, StepValidation
from planners.workflow import Step

_log = logging.getLogger(__name__)
_FIXES = {
    401: "check the API key",
    403: "check what the API key may do",
    404: "check base_url and model",
    429: "the provider limits the rate: wait, or raise the limit",
}


@dataclass(frozen=True)
class _About:
    """What every conversation over one catalog begins with."""

    catalog: Catalog
    offered: Mapping[str, Interface]
    system: str
    schema: dict[str, Any]
    strict: bool

    @classmethod
    def of(cls, catalog: Catalog) -> "_About":
        offered = interfaces(catalog)
        return cls(catalog, offered, system_text(offered.values()), *answer_schema(offered.values()))


class LLMDecomposer:
    """Asks an LLM. Waits for the first token, between tokens and in all at most as long as the config says."""

    def __init__(self, config: LLMConfig, tokens: Tokens | None = None) -> None:
        self._config = config
        self._tokens = tokens or ChatTokens.open_ai_compatible(config)
        self._about: _About | None = None

    async def close(self) -> None:
        """Let go of connections. They belong to one event loop: close on the loop that asked."""
        await self._tokens.close()

    async def steps(self, goal: GoalText, catalog: Catalog) -> AsyncGenerator[Step, None]:
        """The steps, each as soon as it is complete in the stream and valid.

        Raises:
            DecomposeFailed: the provider failed, stalled or timed out, or the answer was wrong once too often.
        """
        if not catalog.agents:
            raise DecomposeFailed("the catalog holds no agent, so no step can be done", "goal", "add agents")
        if self._about is None or self._about.catalog is not catalog:
            self._about = _About.of(catalog)
        about, confirmed = self._about, StepValidation(goal, self._about.offered)
        talk = [Message("system", about.system), Message("user", goal_text(goal))]
        deadline_s = asyncio.get_running_loop().time() + self._config.timeout_s
        for left in range(self._config.max_repairs, -1, -1):
            answer: list[str] = []
            tokens = self._tokens.answer(talk, about.schema, strict=about.strict)
            chunks = self._patiently(tokens, deadline_s, answer)
            try:
                async for step in self._confirm(chunks, confirmed):
                    yield step
            except (BadStep, MalformedAnswer) as error:
                problem = self._config.scrubbed(str(error))
            else:
                return
            finally:
                await chunks.aclose()
            if left:
                _log.info("asking the LLM again: %s", problem)
                confirmed.drop_waiting()
                talk += [
                    Message("assistant", "".join(answer) or "(nothing)"),
                    Message("user", repair_text(problem, confirmed.steps.values())),
                ]
        raise DecomposeFailed(
            f"the LLM {self._config.model} gave a plan that cannot be run, {self._config.max_repairs + 1} times; "
            f"the last problem: {problem}",
            "goal",
            "reword the goal, declare the workflow, or allow planning.fallback",
        )

    async def _confirm(self, chunks: AsyncIterator[str], confirmed: StepValidation) -> AsyncIterator[Step]:
        items = StreamedItems("steps")
        async for chunk in chunks:
            for raw in items.feed(chunk):
                for step in confirmed.accept(_step(raw)):
                    yield step
            if len(confirmed.steps) > self._config.max_steps:
                raise DecomposeFailed(
                    f"the plan has more than {self._config.max_steps} steps", "goal", "split the goal"
                )
            if items.closed:
                break
        items.finish()
        confirmed.close()
        if not confirmed.steps:
            raise BadStep("the plan holds no step")

    async def _patiently(
        self, chunks: AsyncGenerator[str, None], deadline_s: float, answer: list[str]
    ) -> AsyncGenerator[str, None]:
        """The chunks, noted in ``answer``; silence, lateness and failure become DecomposeFailed."""
        loop, patience_s, heard = asyncio.get_running_loop(), self._config.first_token_s, "no first token"
        try:
            while True:
                try:
                    async with asyncio.timeout(min(patience_s, max(0.0, deadline_s - loop.time()))):
                        chunk = await anext(chunks)
                except StopAsyncIteration:
                    return
                except TimeoutError:
                    raise self._late(heard, patience_s, late=loop.time() >= deadline_s) from None
                # The boundary to a library with many errors of its own, and to the network below it.
                except Exception as error:  # noqa: BLE001
                    # No cause is chained: what the provider sends back may hold the key.
                    raise self._failed(error) from None
                patience_s, heard = self._config.stall_s, "no token"
                answer.append(chunk)
                yield chunk
        finally:
            await chunks.aclose()

    def _late(self, heard: str, patience_s: float, *, late: bool) -> DecomposeFailed:
        said = f"was not done after {self._config.timeout_s:g} s" if late else f"stalled: {heard} for {patience_s:g} s"
        return DecomposeFailed(f"the LLM {self._config.model} {said}", "goal", "try again, or allow planning.fallback")

    def _failed(self, error: Exception) -> DecomposeFailed:
        status = getattr(error, "status_code", None)
        said = f"answered with HTTP {status}" if status else f"failed: {type(error).__name__}"
        about = self._config.scrubbed(str(error))
        fix = _FIXES.get(status or 0, "try again, or allow planning.fallback")
        return DecomposeFailed(f"the LLM {self._config.model} {said}: {about}", "goal", fix)


def _step(raw: Any) -> Step:
    """A step of the answer; only what may be part of the work is read."""
    if not isinstance(raw, dict):
        raise BadStep(f"each element of steps is an object, and one is {str(raw)[:80]!r}")
    fields: dict[str, Any] = {"id": str(raw.get("id", "")), "capability": raw.get("capability")}
    inputs = raw.get("inputs") or {}
    fields["inputs"] = {name: _bound(value) for name, value in inputs.items()} if isinstance(inputs, dict) else inputs
    fields["after"] = raw.get("after") or ()
    try:
        return Step.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise BadStep(f"step '{fields['id']}': {where}: {first['msg']}") from None


def _bound(value: Any) -> Any:
    """A binding in its full form. A string that begins with $ and names nothing ("$5") is a literal of the request."""
    if isinstance(value, list) and any(_is_reference(part) for part in value):
        return {"gather": [_bound(part) for part in value]}
    return unwrapped(value) if _is_reference(value) or isinstance(value, dict) else Value(value=value)


def _is_reference(value: Any) -> bool:
    return isinstance(value, str) and value.split(".")[0] in ("$inputs", "$steps", "$item")
