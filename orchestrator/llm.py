"""The LLM that decomposes goals, as the settings name it."""

from typing import TYPE_CHECKING

from orchestrator.metrics.llm import LlmMetrics, TimedTokens
from orchestrator.settings import Settings
from planners.optimal.decompose.config import LLMConfig

if TYPE_CHECKING:
    from planners.optimal.decompose.llm import LLMDecomposer


def decomposer(settings: Settings, metrics: LlmMetrics | None = None) -> "LLMDecomposer | None":
    """The LLM that the settings name, or None. Its answers are timed if there are metrics."""
    llm = settings.llm
    if llm.base_url is None or llm.model is None:
        return None
    config = LLMConfig.model_validate(llm.model_dump())
    # Imported here: the client is an extra, and importing it takes seconds.
    from planners.optimal.decompose.llm import LLMDecomposer  # noqa: PLC0415
    from planners.optimal.decompose.provider import ChatTokens  # noqa: PLC0415

    tokens = ChatTokens.open_ai_compatible(config)
    return LLMDecomposer(config, tokens if metrics is None else TimedTokens(tokens, metrics))
