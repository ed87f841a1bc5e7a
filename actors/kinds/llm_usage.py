"""What a conversation with a model has used: requests, tokens and dollars."""

from collections.abc import Iterable
from typing import Any

from pydantic_ai.messages import ModelResponse
from pydantic_ai.run import AgentRunResult

from actors.kinds.llm_settings import TokenPrices
from reconciler.state.handoff import Usage


def usage_of(result: AgentRunResult[Any], prices: TokenPrices | None) -> Usage:
    """What a run has used. Dollars by the declared prices, else by the table; None where neither knows the model."""
    used = result.usage
    return Usage(
        requests=used.requests,
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        usd=_usd(result, used.input_tokens, used.output_tokens, prices),
    )


def with_tools(usage: Usage, tools: Iterable[Usage]) -> Usage:
    """What a conversation has used together with its tools. Unknown dollars of the conversation stay unknown."""
    used = [usage, *tools]
    return Usage(
        requests=sum(one.requests for one in used),
        input_tokens=sum(one.input_tokens for one in used),
        output_tokens=sum(one.output_tokens for one in used),
        usd=None if usage.usd is None else sum(one.usd or 0.0 for one in used),
    )


def _usd(
    result: AgentRunResult[Any], input_tokens: int, output_tokens: int, prices: TokenPrices | None
) -> float | None:
    if prices is not None:
        return (input_tokens * prices.input_usd_per_mtok + output_tokens * prices.output_usd_per_mtok) / 1e6
    responses = [message for message in result.new_messages() if isinstance(message, ModelResponse)]
    try:
        return float(sum(response.cost().total_price for response in responses))
    except (LookupError, ValueError, AssertionError):
        return None
