"""Skills as tools of MCP, and tasks as their results."""

import json
import re
from collections.abc import Mapping
from typing import Any

import mcp_types as types

from orchestrator.ingress.skills import Skill
from reconciler.views.models import TaskView

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]")
_LONGEST_NAME = 64


def tools(offered: Mapping[str, Skill]) -> dict[str, Skill]:
    """Tool name -> skill. Models take letters, digits, ``_``, ``.`` and ``-`` only; of two alike, the first counts."""
    named: dict[str, Skill] = {}
    for skill in offered.values():
        named.setdefault(_NOT_IN_NAMES.sub("_", skill.name)[:_LONGEST_NAME], skill)
    return named


def tool(name: str, skill: Skill) -> types.Tool:
    """The tool of a skill. Its effects are not told: whoever needs to know asks the service's operator."""
    described = skill.description or f"Runs '{skill.name}' as a task."
    return types.Tool(name=name, title=skill.name, description=described, input_schema=dict(skill.input_schema))


def result(view: TaskView) -> types.CallToolResult:
    """How a task ended: its outputs as text and as structured content, or why it failed."""
    meta: dict[str, Any] = {"task": view.id, "status": view.status.value}
    if view.outputs is None:
        failure = view.failure
        told = f"the task {view.id} {view.status.value}" + (f": {failure.told}" if failure is not None else "")
        fix = f"; {failure.fix}" if failure is not None and failure.fix else ""
        return _result(told + fix, meta, error=True)
    output = view.outputs.get("output", view.outputs)
    text = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
    return _result(text, meta, structured=output if isinstance(output, dict) else {"output": output})


def refused(message: str) -> types.CallToolResult:
    """A call that could not be made."""
    return _result(message, {}, error=True)


def _result(
    text: str, meta: dict[str, Any], structured: dict[str, Any] | None = None, *, error: bool = False
) -> types.CallToolResult:
    content: list[types.ContentBlock] = [types.TextContent(type="text", text=text)]
    return types.CallToolResult(content=content, structured_content=structured, is_error=error, _meta=meta)
