"""The LLM that decomposes goals, as the settings name it."""

from typing import TYPE_CHECKING

from orchestrator.metrics.llm import LlmMetrics, TimedTokens
from orchestrator.settings import Settings
from planners.errors import InvalidTask
from planners.optimal.decompose.config import LLMConfig
from planners.tasks import Task
from planners.validation import MAX_FLAWS
from planners.workflow import Goal

if TYPE_CHECKING:
    from planners.optimal.decompose.llm import LLMDecomposer


def goals_without_llm(task: Task, settings: Settings) -> list[InvalidTask]:
    """What is wrong with goals if no LLM is configured. A task that may fall back on a guess may run without one."""
    configured = settings.llm.base_url is not None and settings.llm.model is not None
    if configured or task.planning.plan is not None or task.planning.fallback:
        return []
    nodes = task.workflow.walk() if task.workflow is not None else ()
    fields = [f"workflow.steps.{node.id}.goal" for node in nodes if isinstance(node, Goal)]
    fields += ["goal"] if task.goal is not None else []
    message = "no LLM is configured that could decompose a goal"
    fix = "set llm.base_url and llm.model in the settings of the service, or declare a workflow"
    return [InvalidTask(message, field, fix) for field in fields[:MAX_FLAWS]]


def decomposer(settings: Settings, metrics: LlmMetrics | None = None) -> "LLMDecomposer | None":
    """The LLM that the settings name, or None. Its answers are timed if there are metrics."""
    llm = settings.llm
    if llm.base_url is None or llm.model is None:
        return None
    return _decomposer(LLMConfig.model_validate(llm.model_dump(exclude={"draft"})), metrics)


def draft_decomposer(settings: Settings) -> "LLMDecomposer | None":
    """The LLM that drafts plans, or None. It gets one try: a late draft is of no use."""
    llm, draft = settings.llm, settings.llm.draft
    base_url = draft.base_url or llm.base_url if draft is not None else None
    if draft is None or base_url is None:
        return None
    given = draft.model_dump(include={"model", "output", "timeout_s", "extra"})
    tries = {"first_token_s": draft.timeout_s, "max_repairs": 0, "max_retries": 0}
    config = LLMConfig(base_url=base_url, api_key=draft.api_key or llm.api_key, **given, **tries)
    return _decomposer(config, None)


def _decomposer(config: LLMConfig, metrics: LlmMetrics | None) -> "LLMDecomposer":
    # Imported here: the client is an extra, and importing it takes seconds.
    from planners.optimal.decompose.llm import LLMDecomposer  # noqa: PLC0415
    from planners.optimal.decompose.provider import ChatTokens  # noqa: PLC0415

    tokens = ChatTokens.open_ai_compatible(config)
    return LLMDecomposer(config, tokens if metrics is None else TimedTokens(tokens, metrics))
