"""The excerpts in the documents are valid, and their links lead somewhere."""

import json
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from actors.catalog import parse_catalog
from actors.discovery.a2a import RemoteEntry
from actors.discovery.mcp import ServerEntry
from planners.agents import AgentSpec, Catalog
from planners.linking import linked
from planners.nodes import Node
from planners.tasks import Task
from planners.validation import flaws
from planners.workflow import Workflow

_DOCUMENTS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SERVERS = {"mcp_servers": ServerEntry, "a2a_agents": RemoteEntry}


def excerpts(name: str) -> list[Any]:
    found = [yaml.safe_load(text) for text in _BLOCK.findall((_DOCUMENTS / name).read_text("utf-8"))]
    assert found
    return found


@pytest.mark.parametrize("excerpt", excerpts("agents.md"), ids=str)
def test_excerpts_of_catalogs_are_valid(excerpt: Any, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("langgraph", reason="pip install 'forerun[langgraph]'")
    for name in ("myproject", "myproject.agents", "myproject.graphs", "myproject.models"):
        monkeypatch.setitem(sys.modules, name, import_module("graphs"))
    if isinstance(excerpt, list) and "id" in excerpt[0]:
        assert TypeAdapter(tuple[Node, ...]).validate_python(excerpt)
    elif isinstance(excerpt, list):
        assert parse_catalog({"agents": excerpt}).agents
    else:
        for key, servers in excerpt.items():
            assert [_SERVERS[key].model_validate(server) for server in servers]


@pytest.mark.parametrize("excerpt", excerpts("workflows.md"), ids=str)
def test_excerpts_of_workflows_are_valid(excerpt: Any):
    if isinstance(excerpt, dict):
        assert Catalog.model_validate(excerpt).workflows
        return
    assert TypeAdapter(tuple[Node, ...]).validate_python(excerpt)


def _nodes(raw: Any) -> Iterator[dict[str, Any]]:
    """The nodes of an excerpt, at every depth."""
    if isinstance(raw, dict):
        if "id" in raw:
            yield raw
        raw = list(raw.values())
    for part in raw if isinstance(raw, list) else ():
        yield from _nodes(part)


@pytest.mark.parametrize("excerpt", [one for one in excerpts("workflows.md") if isinstance(one, list)], ids=str)
def test_excerpts_of_workflows_can_be_submitted(excerpt: Any):
    """With steps in place of those that an excerpt reads and does not show."""
    (workflows,) = (one for one in excerpts("workflows.md") if isinstance(one, dict))
    nodes, text = list(_nodes(excerpt)), json.dumps(excerpt)
    read = {
        *re.findall(r"\$(?:steps|handoffs)\.(\w+)", text),
        *(one for node in nodes for one in node.get("after", ())),
    }
    missing = sorted(read - {node["id"] for node in nodes})
    before = [{"id": name, "capability": "anything"} for name in missing]
    if "$context.transcript" in text:
        before.append({"id": "before", "capability": "anything", "writes": {"transcript": "$output"}})
    wanted = {one["capability"] for one in (*nodes, *_nodes(workflows), *before) if "capability" in one}
    wanted |= {node["compensate"]["capability"] for node in nodes if "compensate" in node}
    agents = [AgentSpec(name=f"a{n}", capability=one, kind="async", resources={}) for n, one in enumerate(wanted)]
    catalog = Catalog.model_validate(workflows).model_copy(update={"agents": tuple(agents)})
    inputs = dict.fromkeys(re.findall(r"\$inputs\.(\w+)", text), "a text") | {"amount": 10}
    task = Task(workflow=Workflow.model_validate({"steps": [*before, *excerpt]}), inputs=inputs)

    assert list(flaws(linked(task, catalog), catalog)) == []


@pytest.mark.parametrize("document", sorted(_DOCUMENTS.glob("*.md")), ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path):
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", document.read_text("utf-8"))]

    assert [link for link in links if "://" not in link and not (_DOCUMENTS / link).exists()] == []
