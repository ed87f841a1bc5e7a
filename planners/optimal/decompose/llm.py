"""Decomposes a goal with an LLM: each step is validated and yielded while the answer still streams.

A wrong answer is repaired, not discarded: the steps before the mistake are kept, and the LLM is told the mistake and
writes the rest.
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
from planners.optimal.decompose.json_stream import MalformedAnswer, StreamedObjects
from planners.optimal.decompose.prompt import goal_text, repair_text, system_text
from planners.optimal.decompose.provider import ChatTokens, Message, Tokens
from planners.optimal.decompose.refusals import AGAIN, refusal
from planners.optimal.decompose.schema import answer_schema
from planners.optimal.decompose.step_validation import BadStep, StepValidation
from planners.text.well_formed import well_formed, well_formed_json
from planners.workflow import Step

_log = logging.getLogger(__name__)
# Of a wrong answer, its end is quoted when the LLM is asked again.
_MAX_QUOTED = 50_000


@dataclass(frozen=True)
class _CatalogPrompt:
    """What every conversation about one catalog begins with."""

    catalog: Catalog
    offered: Mapping[str, Interface]
    system: str
    schema: dict[str, Any]
    strict: bool

    @classmethod
    def of(cls, catalog: Catalog) -> "_CatalogPrompt":
        offered = interfaces(catalog)
        return cls(catalog, offered, system_text(offered.values()), *answer_schema(offered.values()))


class LLMDecomposer:
    """Asks an LLM. The config bounds the wait for the first token, between tokens, and for the whole decomposition."""

    def __init__(self, config: LLMConfig, tokens: Tokens | None = None) -> None:
        self._config = config
        self._tokens = tokens or ChatTokens.open_ai_compatible(config)
        self._prompt: _CatalogPrompt | None = None

    async def close(self) -> None:
        """Close the connections. They belong to the event loop that used them, so call this on the same loop."""
        await self._tokens.close()

    async def steps(self, goal: GoalText, catalog: Catalog) -> AsyncGenerator[Step, None]:
        """The steps, each as soon as it is complete in the stream and valid.

        Raises:
            DecomposeFailed: the provider failed, stalled or timed out, or too many answers were wrong.
        """
        if not catalog.agents:
            raise DecomposeFailed("the catalog holds no agent, so no step can run", "goal", "add agents")
        prompt = self._prompt_for(catalog)
        validation = StepValidation(goal, prompt.offered, self._config.max_steps)
        conversation = [Message("system", prompt.system), Message("user", goal_text(goal))]
        deadline_s = asyncio.get_running_loop().time() + self._config.timeout_s
        for left in range(self._config.max_repairs, -1, -1):
            answer: list[str] = []
            tokens = self._tokens.answer(conversation, prompt.schema, strict=prompt.strict)
            chunks = self._in_time(tokens, deadline_s, answer)
            try:
                async for step in self._validated(chunks, validation):
                    yield step
            except (BadStep, MalformedAnswer) as error:
                problem = self._config.scrubbed(str(error))
            else:
                return
            finally:
                await chunks.aclose()
            if left:
                _log.info("asking the LLM again: %s", problem)
                validation.drop_waiting()
                conversation += [
                    Message("assistant", well_formed("".join(answer))[-_MAX_QUOTED:] or "(nothing)"),
                    Message("user", repair_text(problem, validation.steps.values())),
                ]
        raise DecomposeFailed(
            f"the LLM {self._config.model} gave a plan that cannot run, {self._config.max_repairs + 1} times; "
            f"the last problem: {problem}",
            "goal",
            "reword the goal, declare the workflow, or allow planning.fallback",
        )

    def _prompt_for(self, catalog: Catalog) -> _CatalogPrompt:
        if self._prompt is None or self._prompt.catalog is not catalog:
            self._prompt = _CatalogPrompt.of(catalog)
        return self._prompt

    async def _validated(self, chunks: AsyncIterator[str], validation: StepValidation) -> AsyncIterator[Step]:
        objects = StreamedObjects("steps")
        async for chunk in chunks:
            for raw in objects.feed(chunk):
                for step in validation.accept(_step(raw)):
                    yield step
            if objects.closed:
                break
        objects.finish()
        validation.close()
        if not validation.steps:
            raise BadStep("the plan holds no step")

    async def _in_time(
        self, chunks: AsyncGenerator[str, None], deadline_s: float, answer: list[str]
    ) -> AsyncGenerator[str, None]:
        """The chunks, also appended to ``answer``. Silence, lateness, excess and failure become DecomposeFailed."""
        loop, patience_s, missing = asyncio.get_running_loop(), self._config.first_token_s, "no first token"
        left = self._config.max_answer_chars
        try:
            while True:
                try:
                    async with asyncio.timeout(min(patience_s, max(0.0, deadline_s - loop.time()))):
                        chunk = await anext(chunks)
                except StopAsyncIteration:
                    return
                except TimeoutError:
                    raise self._late(missing, patience_s, late=loop.time() >= deadline_s) from None
                # The boundary to a library with many error types, and to the network below it.
                except Exception as error:  # noqa: BLE001
                    # No cause is chained: the provider's answer may contain the key.
                    raise refusal(error, self._config, begun=bool(answer)) from None
                patience_s, missing = self._config.stall_s, "no token"
                if (left := left - len(chunk)) < 0:
                    raise self._too_long()
                answer.append(chunk)
                yield chunk
        finally:
            await chunks.aclose()

    def _late(self, missing: str, patience_s: float, *, late: bool) -> DecomposeFailed:
        limit_s = self._config.timeout_s
        what = f"did not finish in {limit_s:g} s" if late else f"stalled: {missing} for {patience_s:g} s"
        return DecomposeFailed(f"the LLM {self._config.model} {what}", "goal", AGAIN)

    def _too_long(self) -> DecomposeFailed:
        what = f"wrote more than {self._config.max_answer_chars} characters"
        return DecomposeFailed(f"the LLM {self._config.model} {what}", "goal", "split the goal, or try again")


def _step(raw: dict[str, Any]) -> Step:
    """A step of the answer; fields that are no part of the work are ignored."""
    raw = well_formed_json(raw)
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
    """A binding in its full form. A string that begins with $ but is not a reference ("$5") is a literal."""
    if isinstance(value, list) and any(_is_reference(part) for part in value):
        return {"gather": [_bound(part) for part in value]}
    return unwrapped(value) if _is_reference(value) or isinstance(value, dict) else Value(value=value)


def _is_reference(value: Any) -> bool:
    return isinstance(value, str) and value.split(".")[0] in ("$inputs", "$steps", "$item")
