"""The LLM that decomposes goals, as the settings name it."""

from typing import TYPE_CHECKING

from orchestrator.settings import Settings
from planners.optimal.decompose.config import LLMConfig

if TYPE_CHECKING:
    from planners.optimal.decompose.llm import LLMDecomposer


def decomposer(settings: Settings) -> "LLMDecomposer | None":
    """The LLM that the settings name, or None."""
    llm = settings.llm
    if llm.base_url is None or llm.model is None:
        return None
    config = LLMConfig.model_validate(llm.model_dump())
    # Imported here: the client is an extra, and importing it takes seconds.
    from planners.optimal.decompose.llm import LLMDecomposer  # noqa: PLC0415

    return LLMDecomposer(config)
